"""Registry credentials: their forms, and that a malformed one is not shown."""

from __future__ import annotations

import base64
import json

import pytest

from airgap.errors import SiteError
from airgap.plan import credentials_patch, docker_config, parse_credentials

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
