"""Mirrors: what a Talos node asks for, by the rewriting rules of Talos itself."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest

from airgap.plan import plan_site
from airgap.plan.hosts import host_of
from airgap.plan.mirrors import mirror_hosts, plan_mirrors
from airgap.plan.model import PlainValues
from tests.plan.rewriting import manifest_urls
from tests.plan.samples import CA, IMAGES, OTHER_CA, make_lock, make_site
from tests.plan.test_server_classes import FACTORY


def mirrors_of(**registry: object) -> dict[str, dict[str, object]]:
    """Return the planned mirrors of a site with this registry."""
    base = {"kind": "existing", "endpoints": [{"url": "https://r.example:5000", "ca": CA}]}
    plan = plan_site(make_site(registry={**base, **registry}), make_lock(), name="berlin")
    mirrors = plan.registry.inputs["mirrors"]
    assert isinstance(mirrors, dict)
    return mirrors


@pytest.mark.parametrize(
    ("endpoint", "override", "expected"),
    [
        ("https://r:5000", False, "https://r:5000/v2/library/nginx/manifests/1.27"),
        (
            "https://r:5000/docker.io",
            False,
            "https://r:5000/docker.io/v2/library/nginx/manifests/1.27",
        ),
        (
            "https://r:5000/v2/docker.io",
            False,
            "https://r:5000/v2/docker.io/v2/library/nginx/manifests/1.27",
        ),
        (
            "https://r:5000/v2/docker.io",
            True,
            "https://r:5000/v2/docker.io/library/nginx/manifests/1.27",
        ),
        ("https://r:5000", True, "https://r:5000/library/nginx/manifests/1.27"),
    ],
)
def test_the_rewriting_rules_are_those_of_talos(
    endpoint: str, override: bool, expected: str
) -> None:
    """The table of Talos' resolver.go: the judge of this module is judged first."""
    mirror = {"endpoints": [endpoint], "overridePath": override, "skipFallback": True}
    assert manifest_urls({"docker.io": mirror}, "docker.io", "library/nginx", "1.27") == [expected]


@pytest.mark.parametrize(
    ("registry", "base"),
    [
        ({}, "https://r.example:5000/v2/{host}"),
        ({"pathPrefix": "proj/sub"}, "https://r.example:5000/v2/proj/sub/{host}"),
        ({"layout": "flat"}, "https://r.example:5000/v2"),
        ({"layout": "flat", "pathPrefix": "proj"}, "https://r.example:5000/v2/proj"),
    ],
)
@pytest.mark.parametrize("reference", IMAGES)
def test_a_node_asks_the_site_where_the_layout_puts_the_image(
    registry: dict[str, object], base: str, reference: str
) -> None:
    host, _, rest = reference.partition("/")
    repository, _, tag = rest.rpartition(":")
    urls = manifest_urls(mirrors_of(**registry), host, repository, tag)
    assert urls == [f"{base.format(host=host)}/{repository}/manifests/{tag}"]


@pytest.mark.parametrize("layout", ["prefix", "flat"])
@pytest.mark.parametrize("prefix", ["", "proj"])
def test_an_unforeseen_registry_ends_at_the_site(layout: str, prefix: str) -> None:
    mirrors = mirrors_of(layout=layout, pathPrefix=prefix)
    urls = manifest_urls(mirrors, "quay.io", "some/image", "v1")
    assert [host_of(url) for url in urls] == ["r.example:5000"]
    assert urls[0].startswith("https://r.example:5000/v2/")


def test_every_registry_host_of_the_lock_has_its_own_entry_without_fallback() -> None:
    mirrors = mirrors_of()
    assert set(mirrors) == {"*", "docker.io", "gcr.io", "ghcr.io", "registry.k8s.io"}
    assert all(mirror["skipFallback"] is True for mirror in mirrors.values())


def test_further_endpoints_are_fail_over_in_their_order() -> None:
    urls = ["https://r1.example", "https://r2.example:5000"]
    mirrors = mirrors_of(endpoints=[{"url": url, "ca": CA} for url in urls])
    assert mirrors["ghcr.io"]["endpoints"] == [f"{url}/v2/ghcr.io" for url in urls]


def test_an_override_is_taken_verbatim() -> None:
    override = {
        "endpoints": ["https://h.example/v2/dockerhub", "https://h2.example/v2/dockerhub"],
        "overridePath": True,
        "skipVerify": True,
        "skipFallback": False,
    }
    assert mirrors_of(mirrors={"docker.io": override})["docker.io"] == override


def test_an_override_without_endpoints_keeps_those_of_the_site() -> None:
    mirrors = mirrors_of(mirrors={"ghcr.io": {"skipVerify": True}})
    assert mirrors["ghcr.io"]["endpoints"] == ["https://r.example:5000/v2/ghcr.io"]
    assert mirrors["ghcr.io"]["overridePath"] is True
    assert mirrors["docker.io"]["skipVerify"] is False


def test_the_factory_is_reached_directly_and_not_through_the_catch_all() -> None:
    """`"*"` would send its installers to the registry: an exact host comes first."""
    factory = {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "registry": "r.example:5000",
        "ca": OTHER_CA,
    }
    plan = plan_site(make_site(imageFactory=factory), make_lock(), name="berlin")
    mirrors = plan.registry.inputs["mirrors"]
    assert isinstance(mirrors, Mapping)
    urls = manifest_urls(mirrors, "factory.example", "metal-installer/abc", "v1.11.5")
    assert urls == ["https://factory.example/v2/metal-installer/abc/manifests/v1.11.5"]


def test_the_factory_is_trusted_with_its_registrys_ca_too() -> None:
    """Image Factory redirects blob GETs to its installer registry; the client keeps its roots."""
    factory = {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "registry": "r.example:5000",
        "ca": OTHER_CA,
    }
    registry = {"kind": "existing", "endpoints": [{"url": "https://r.example:5000", "ca": CA}]}
    trust = plan_mirrors(make_site(registry=registry, imageFactory=factory), make_lock()).trust
    assert trust["factory.example"].ca == OTHER_CA + CA
    assert trust["r.example:5000"].ca == CA


def test_the_factory_is_trusted_with_the_ca_of_a_registry_of_its_own() -> None:
    factory = {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "registry": {"url": "https://s.example", "ca": OTHER_CA},
    }
    trust = plan_mirrors(make_site(imageFactory=factory), make_lock()).trust
    assert trust["factory.example"].ca == OTHER_CA


def registries_config(**registry: object) -> PlainValues:
    """Return `machine.registries.config` of a site with this registry."""
    base = {"kind": "existing", "endpoints": [{"url": "https://r.example:5000", "ca": CA}]}
    plan = plan_site(make_site(registry={**base, **registry}), make_lock(), name="berlin")
    child = next(item for item in plan.sidero.children if item.name == "manifests-machine-config")
    files = child.inputs["files"]
    assert isinstance(files, Mapping)
    documents = files["machine-config/workers.patch.yaml"]["documents"]
    config = documents[0]["machine"]["registries"].get("config", {})
    assert isinstance(config, Mapping)
    return config


def test_tls_belongs_to_the_endpoint_host_and_port_and_not_to_the_mirror() -> None:
    """v1alpha1 `registries.config` keys are matched against url.Host of the endpoint."""
    config = registries_config(
        mirrors={"docker.io": {"endpoints": ["https://h.example:8443"], "skipVerify": True}}
    )
    assert config["h.example:8443"] == {"tls": {"insecureSkipVerify": True}}
    assert set(config) == {"h.example:8443", "r.example:5000"}


def test_a_plain_http_endpoint_has_no_tls_settings() -> None:
    """Talos: TLS config for an http:// endpoint is an error."""
    assert registries_config(endpoints=[{"url": "http://10.0.0.5:5000"}]) == {}


@pytest.mark.parametrize("encoded", [False, True])
def test_the_ca_of_an_override_is_pem_or_its_base64(encoded: bool) -> None:
    given = base64.b64encode(OTHER_CA.encode()).decode() if encoded else OTHER_CA
    override = {"endpoints": ["https://h.example"], "caCert": given}
    config = registries_config(mirrors={"docker.io": override})
    tls = config["h.example"]
    assert tls == {"tls": {"ca": base64.b64encode(OTHER_CA.encode()).decode()}}


def test_the_hosts_that_credentials_may_be_of_are_those_of_the_mirrors() -> None:
    """Whatever is locked: `secret` knows no lock, and cluster delivery takes the mirrors' hosts."""
    registry = {
        "kind": "existing",
        "endpoints": [{"url": "https://r.example:5000"}, {"url": "https://s.example"}],
        "mirrors": {"docker.io": {"endpoints": ["https://hub.example:8443/v2/docker.io"]}},
    }
    for changes in ({}, {"registry": registry}, {"imageFactory": FACTORY}):
        site = make_site(**changes)
        assert mirror_hosts(site) == plan_mirrors(site, make_lock()).hosts
