"""Registry credentials: their forms, and that a malformed one is not shown."""

from __future__ import annotations

import base64
import json

import pytest

from airgap.errors import SiteError
from airgap.plan import (
    check_hosts,
    credentials_patch,
    docker_config,
    parse_credentials,
    plan_site,
)
from tests.plan.samples import make_lock, make_site

PASSWORD = "MARKED-password"
GOOD = {"r.example:5000": {"username": "puller", "password": PASSWORD}}


def test_a_docker_config_is_keyed_by_the_endpoints_host_and_port() -> None:
    """Kubernetes: `auths` of .dockerconfigjson; `auth` is base64 of user:password."""
    auths = json.loads(docker_config(parse_credentials(GOOD)))["auths"]
    assert auths["r.example:5000"]["username"] == "puller"
    assert base64.b64decode(auths["r.example:5000"]["auth"]).decode() == f"puller:{PASSWORD}"


def test_the_patch_is_auth_of_the_endpoint_in_either_dialect() -> None:
    """v1alpha1 `registries.config.<host:port>.auth`; RegistryAuthConfig since Talos 1.12."""
    auth = GOOD["r.example:5000"]
    assert credentials_patch(GOOD, dialect="v1alpha1") == [
        {"machine": {"registries": {"config": {"r.example:5000": {"auth": auth}}}}}
    ]
    assert credentials_patch(GOOD, dialect="documents") == [
        {"apiVersion": "v1alpha1", "kind": "RegistryAuthConfig", "name": "r.example:5000", **auth}
    ]


@pytest.mark.parametrize(
    "value",
    [
        None,
        PASSWORD,
        {},
        [PASSWORD],
        {"r": PASSWORD},
        {"r": {"username": "u"}},
        {"r": {"username": "u", "password": PASSWORD, "token": PASSWORD}},
        {**GOOD, "r": {}},
    ],
)
def test_malformed_credentials_are_refused_without_being_shown(value: object) -> None:
    with pytest.raises(SiteError, match="username, password") as caught:
        parse_credentials(value)
    assert PASSWORD not in caught.value.diagnostics()


def test_a_key_that_is_no_endpoint_is_refused_without_being_shown() -> None:
    """Talos matches `url.Host` of the endpoint, port included; any other key is for nobody."""
    assert check_hosts(GOOD, ("a.example", "r.example:5000")) == GOOD
    for key in ("r.example", "https://r.example:5000", PASSWORD):
        with pytest.raises(SiteError, match=r"r\.example:5000") as caught:
            check_hosts({**GOOD, key: GOOD["r.example:5000"]}, ("r.example:5000",))
        assert PASSWORD not in caught.value.diagnostics()


def test_objects_with_credentials_say_which_endpoints_they_are_for() -> None:
    endpoints = [{"url": "https://r.example:5000"}, {"url": "https://second.example"}]
    registry = {"kind": "existing", "endpoints": endpoints, "nodeAuth": "machineConfig"}
    site = make_site(registry=registry, sidero={"version": "v0.6.13", "delivery": "cluster"})
    plan = plan_site(site, make_lock(), name="berlin")
    found = {child.name: child.hosts for child in plan.sidero.children if child.hosts}
    hosts = ("r.example:5000", "second.example")
    assert found == {"registry-credentials": hosts, "server-class-workers": hosts}


def test_the_fork_finds_the_credentials_of_the_sites_own_registry() -> None:
    """`authSecretRef` names a Secret of type kubernetes.io/dockerconfigjson."""
    registry = {
        "kind": "existing",
        "endpoints": [{"url": "https://r.example:5000"}],
        "nodeAuth": "machineConfig",
        "mirrors": {
            "docker.io": {"endpoints": ["https://h.example"], "authSecretRef": "harbor"},
            "quay.io": {"endpoints": ["https://q.example"]},
        },
    }
    site = make_site(registry=registry, sidero={"version": "v0.6.13", "flavour": "airgap"})
    environments = plan_site(site, make_lock(), name="berlin").sidero.inputs["environments"]
    assert isinstance(environments, dict)
    mirrors = environments["default"]["airGap"]["registryMirrors"]
    assert mirrors["ghcr.io"]["authSecretRef"] == "airgap-registry-credentials"
    assert mirrors["docker.io"]["authSecretRef"] == "harbor"
    assert "authSecretRef" not in mirrors["quay.io"]
