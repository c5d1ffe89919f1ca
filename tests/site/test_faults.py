"""Each fault a site can have is found at its place, and says what was found and what to do.

What is a fault follows the issue and the peers' own rules: Talos' endpoint rewriting and TLS
settings (siderolabs/talos, internal/pkg/containers/image/resolver.go), Sidero's CRDs (v0.6.13),
the distribution reference grammar, RFC 1123 names.
"""

from __future__ import annotations

import pytest

from airgap.site.path import Step
from tests.site.documents import EXAMPLE_CA, Raw, changed, faults_of, paths_of

__all__: list[str] = []

Place = tuple[Step, ...]
Case = tuple[Place, object, str, str]

_EMBEDDED: Raw = {"kind": "embedded", "endpoints": [{"url": "https://boot.example:8443"}]}
_FACTORY: Raw = {
    "kind": "existing",
    "version": "v1.5.0",
    "endpoint": "https://factory.example",
    "registry": "registry.example:5000",
}
_EXCEPTION: Raw = {
    "rule": "no-skip-verify",
    "subject": "registry.old.example",
    "reason": "replaced in March",
    "owner": "storage team",
    "expires": "2027-01-31",
}
_DOCKER = ("registry", "mirrors", "docker.io")
_DOCKER_PATH = 'site.registry.mirrors["docker.io"]'
_CLASS = ("serverClasses", 0)
_LIMIT = "site.transfer.limits[0]"

SHAPES: list[Case] = [
    (("schemaVersion",), 2, "site.schemaVersion", "found 2, expected 1"),
    (("talos", "versions"), [], "site.talos.versions", "at least one item"),
    (("talos", "versions"), [1.11], "site.talos.versions[0]", "expected text"),
    (("talos", "versions"), ["1.11.5"], "site.talos.versions[0]", "such as v1.11.5"),
    (("talos", "versions"), "v1.11.5", "site.talos.versions", "expected a list"),
    (("talos",), None, "site.talos", "found nothing, expected a mapping"),
    (("talos",), ["v1.11.5"], "site.talos", "found a list, expected a mapping"),
    (("architectures",), ["riscv64"], "site.architectures[0]", "amd64 or arm64"),
    (("registry", "kind"), "nexus", "site.registry.kind", "'nexus', expected embedded, existing"),
    (("registry", "endpoints"), [], "site.registry.endpoints", "missing"),
    (("registry", "endpoints"), [{}], "site.registry.endpoints[0].url", "missing"),
    (
        ("registry", "endpoints", 0, "url"),
        "registry.example:5000",
        "site.registry.endpoints[0].url",
        "expected a URL",
    ),
    (
        ("registry", "endpoints", 0, "url"),
        "ftp://registry.example",
        "site.registry.endpoints[0].url",
        "expected a URL",
    ),
    (("registry", "overwrite"), "yes", "site.registry.overwrite", "expected true or false"),
    (("registry", "pathPrefix"), "/team/", "site.registry.pathPrefix", "without slashes"),
    (("registry", "layout"), "nested", "site.registry.layout", "prefix or flat"),
    (("retention", "keepLocks"), "3", "site.retention.keepLocks", "a whole number"),
    (("retention", "keepLocks"), -1, "site.retention.keepLocks", "0 or more"),
    (("retention", "keepLocks"), 101, "site.retention.keepLocks", "100 or less"),
    (("sidero", "assetLink"), "1 Gb", "site.sidero.assetLink", "a rate such as 1Gbit/s"),
    (("sidero", "namespace"), "Sidero", "site.sidero.namespace", "a Kubernetes name"),
    (("assetMirror", "path"), "", "site.assetMirror.path", "expected some text"),
    (("upstream", "factory"), 5, "site.upstream.factory", "expected a mapping"),
    (("transfer", "limits"), ["20MiB/s"], "site.transfer.limits[0]", "expected a mapping"),
    (("transfer", "limits"), [{}], "site.transfer.limits[0].rate", "missing"),
    (("transfer", "limits"), [{"rate": "20 MiB"}], f"{_LIMIT}.rate", "such as 20MiB/s"),
    (("transfer", "limits"), [{"rate": "1KB/s"}], f"{_LIMIT}.rate", "100Mbit/s or unlimited"),
    (("transfer", "limits"), [{"rate": "iB/s"}], f"{_LIMIT}.rate", "such as 20MiB/s"),
    (
        ("transfer", "limits"),
        [{"between": "22:00", "rate": "unlimited"}],
        f"{_LIMIT}.between",
        "a time of day such as 22:00-06:00",
    ),
    (
        ("transfer", "limits"),
        [{"between": "22:00-25:00", "rate": "unlimited"}],
        f"{_LIMIT}.between",
        "a time of day such as 22:00-06:00",
    ),
    (("transfer", "connections"), 0, "site.transfer.connections", "1 or more"),
    (("transfer", "connections"), 65, "site.transfer.connections", "64 or less"),
    (("transfer", "platforms"), ["amd64"], "site.transfer.platforms[0]", "linux/amd64"),
    (
        ("policy", "exceptions"),
        [{**_EXCEPTION, "expires": "soon"}],
        "site.policy.exceptions[0].expires",
        "a date such as 2027-01-31",
    ),
]

COMBINATIONS: list[Case] = [
    (("transfer", "limits"), [{"rate": "0MiB/s"}], f"{_LIMIT}.rate", "too slow"),
    (("transfer", "limits"), [{"rate": "7kbit/s"}], f"{_LIMIT}.rate", "at least 1kB/s"),
    (
        ("transfer", "limits"),
        [{"rate": "20MiB/s"}, {"between": "22:00-06:00", "rate": "unlimited"}],
        _LIMIT,
        "move it to the end",
    ),
    (
        ("transfer", "limits"),
        [{"between": "08:00-08:00", "rate": "1MB/s"}],
        f"{_LIMIT}.between",
        "at the same time",
    ),
    (
        ("transfer", "limits"),
        [{"between": "00:00-24:00", "rate": "1MB/s"}],
        f"{_LIMIT}.between",
        "for all day",
    ),
    (
        ("transfer", "limits"),
        [{"between": "08:00-17:00", "rate": "1MB/s"}] * 2,
        "site.transfer.limits[1].between",
        "item 0",
    ),
    (("transfer", "platforms"), ["linux/arm64"], "site.transfer.platforms", "add linux/amd64"),
    (
        ("transfer", "platforms"),
        ["linux/amd64", "linux/amd64"],
        "site.transfer.platforms[1]",
        "item 0 already",
    ),
    (("talos", "versions"), ["v1.11.5", "v1.11.99"], "site.talos.versions[1]", "tables"),
    (("talos", "versions"), ["v1.11.5"] * 2, "site.talos.versions[1]", "item 0 already"),
    (("kubernetes", "versions"), ["v1.20.0"], "site.kubernetes.versions[0]", "1.29 to 1.34"),
    (("sidero", "version"), "v0.6.1", "site.sidero.version", "v0.6.8"),
    (("sidero", "version"), "v0.6.10", "site.environments[0].talos", "v1.10.0"),
    (("images",), ["nginx"], "site.images[0]", "neither a tag nor a digest"),
    (("images",), ["nginx:1", "docker.io/library/nginx:1"], "site.images[1]", "item 0 already"),
    (
        ("registry", "endpoints", 0, "url"),
        "https://registry.example:5000/team",
        "site.registry.endpoints[0].url",
        "pathPrefix",
    ),
    (
        ("registry", "endpoints", 0, "url"),
        "https://registry.example:5000/",
        "site.registry.endpoints[0].url",
        "write https://registry.example:5000",
    ),
    (
        ("registry", "endpoints", 0, "url"),
        "https://registry.example:99999",
        "site.registry.endpoints[0].url",
        "not a host[:port]",
    ),
    (
        ("registry", "endpoints", 0, "url"),
        "https://registry_example:5000",
        "site.registry.endpoints[0].url",
        "not a host[:port]",
    ),
    (
        ("registry", "endpoints"),
        [{"url": "https://r.example"}, {"url": "https://r.example"}],
        "site.registry.endpoints[1].url",
        "the same as endpoint 0",
    ),
    (
        ("registry", "endpoints"),
        [{"url": "http://r.example", "ca": EXAMPLE_CA}],
        "site.registry.endpoints[0].ca",
        "plain http",
    ),
    (("registry",), {**_EMBEDDED, "pathPrefix": "team"}, "site.registry.pathPrefix", "embedded"),
    (("registry",), {**_EMBEDDED, "layout": "flat"}, "site.registry.layout", "embedded"),
    (("registry",), {**_EMBEDDED, "overwrite": True}, "site.registry.overwrite", "read-only"),
    (
        ("registry",),
        {**_EMBEDDED, "nodeAuth": "machineConfig"},
        "site.registry.nodeAuth",
        "anonymously",
    ),
    (("assetMirror", "kind"), "embedded", "site.assetMirror.path", "no directory"),
    (
        ("assetMirror",),
        {"kind": "directory", "url": "https://a.example"},
        "site.assetMirror.path",
        "missing",
    ),
    (
        ("assetMirror", "url"),
        "https://artifacts.example/talos/",
        "site.assetMirror.url",
        "write https://artifacts.example/talos",
    ),
    (("imageFactory",), {"kind": "existing"}, "site.imageFactory.version", "missing"),
    (("imageFactory",), {"kind": "existing"}, "site.imageFactory.endpoint", "missing"),
    (("imageFactory",), {"kind": "existing"}, "site.imageFactory.registry", "missing"),
    (("imageFactory",), {"version": "v1.5.0"}, "site.imageFactory.version", "kind none"),
    (("imageFactory",), {"ca": EXAMPLE_CA}, "site.imageFactory.ca", "kind none"),
    (
        ("imageFactory",),
        {**_FACTORY, "endpoint": "https://factory.example/build"},
        "site.imageFactory.endpoint",
        "expected none",
    ),
    (
        ("imageFactory",),
        {**_FACTORY, "registry": "registry.example/factory"},
        "site.imageFactory.registry",
        "without a path",
    ),
    ((*_CLASS, "extensions"), ["siderolabs/gvisor"], "site.serverClasses[0].extensions", "Factory"),
    (
        (*_CLASS, "extraKernelArgs"),
        ["quiet"],
        "site.serverClasses[0].extraKernelArgs",
        "imageFactory.kind: existing",
    ),
    (
        ("environments", 0, "talos"),
        "v1.11.4",
        "site.environments[0].talos",
        "not in talos.versions",
    ),
    (
        ("environments", 0, "architecture"),
        "arm64",
        "site.environments[0].architecture",
        "not in architectures",
    ),
    (
        ("environments", 0, "extraKernelArgs"),
        ["console=ttyS1 quiet"],
        "site.environments[0].extraKernelArgs[0]",
        "one argument an item",
    ),
    (
        ("environments",),
        [{"name": "talos-1-11-5-amd64", "talos": "v1.11.5"}] * 2,
        "site.environments[1].name",
        "item 0 already",
    ),
    (
        (*_CLASS, "environment"),
        "talos-1-11-5",
        "site.serverClasses[0].environment",
        "defined: talos-1-11-5-amd64",
    ),
    (
        (*_CLASS, "qualifiers"),
        {"cpu": []},
        "site.serverClasses[0].qualifiers.cpu",
        "hardware, labelSelectors",
    ),
    (
        (*_CLASS, "qualifiers"),
        {"hardware": [{"cpu": {}}]},
        "site.serverClasses[0].qualifiers.hardware[0].cpu",
        "compute",
    ),
    (
        (*_CLASS, "qualifiers"),
        {"hardware": {"cpu": {}}},
        "site.serverClasses[0].qualifiers.hardware",
        "expected a list",
    ),
    (
        (*_CLASS, "qualifiers"),
        {"hardware": ["big"]},
        "site.serverClasses[0].qualifiers.hardware[0]",
        "expected a mapping",
    ),
    (
        ("nodes", "discovery"),
        {"enabled": True, "endpoint": "https://discovery.example:0"},
        "site.nodes.discovery.endpoint",
        "not a host[:port]",
    ),
    (
        (*_CLASS, "selector"),
        {"labels": {"rack": "1"}},
        "site.serverClasses[0].selector.labels",
        "matchLabels",
    ),
    (
        ("serverClasses", 0),
        {"name": "any", "environment": "talos-1-11-5-amd64", "qualifiers": {"hardware": []}},
        "site.serverClasses[0].qualifiers",
        "'any'",
    ),
    (("nodes", "nameservers"), ["dns.example"], "site.nodes.nameservers[0]", "not an IP address"),
    (("nodes", "timeServers"), ["ntp://t.example"], "site.nodes.timeServers[0]", "not a host"),
    (
        ("nodes", "extraHosts"),
        {"registry.example": ["10.0.0.1"]},
        'site.nodes.extraHosts["registry.example"]',
        "not an IP address",
    ),
    (
        ("nodes", "extraHosts"),
        {"10.0.0.1": ["a/b"]},
        'site.nodes.extraHosts["10.0.0.1"][0]',
        "not a host name",
    ),
    (
        ("nodes", "discovery"),
        {"enabled": True},
        "site.nodes.discovery.endpoint",
        "on the internet",
    ),
    (
        ("nodes", "discovery"),
        {"endpoint": "https://discovery.example"},
        "site.nodes.discovery.endpoint",
        "enabled: true",
    ),
    (
        ("upstream", "registries"),
        {"https://ghcr.io": "https://cache.example"},
        'site.upstream.registries["https://ghcr.io"]',
        "the host alone",
    ),
    (
        ("upstream", "registries"),
        {"ghcr.io": "https://cache.example/v2/ghcr.io"},
        'site.upstream.registries["ghcr.io"].url',
        "leave /v2 out",
    ),
    (
        ("upstream", "registries"),
        {"ghcr.io": "https://cache.example/GHCR"},
        'site.upstream.registries["ghcr.io"].url',
        "no repository prefix",
    ),
    (
        ("upstream", "releases"),
        "https://cache.example/releases/",
        "site.upstream.releases.url",
        "ends with a slash",
    ),
    (
        ("policy", "allowedHosts"),
        ["https://a.example"],
        "site.policy.allowedHosts[0]",
        "without a scheme",
    ),
    (
        ("policy", "exceptions"),
        [{**_EXCEPTION, "expires": "2027-02-30"}],
        "site.policy.exceptions[0].expires",
        "not in the calendar",
    ),
    (
        ("policy", "exceptions"),
        [{**_EXCEPTION, "rule": "no-skip-verfy"}],
        "site.policy.exceptions[0].rule",
        "did you mean 'no-skip-verify'?",
    ),
]

MIRRORS: list[Case] = [
    (
        ("registry", "mirrors", "https://ghcr.io"),
        {"endpoints": ["https://r.example:5000"]},
        'site.registry.mirrors["https://ghcr.io"]',
        "the host alone",
    ),
    (
        _DOCKER,
        {"endpoints": ["https://r.example:5000/team"]},
        f"{_DOCKER_PATH}.endpoints[0]",
        "set overridePath: true and the endpoint to https://r.example:5000/v2/team",
    ),
    (
        _DOCKER,
        {"endpoints": ["https://r.example:5000/v2/docker.io"], "overridePath": False},
        f"{_DOCKER_PATH}.endpoints[0]",
        "https://r.example:5000/v2/docker.io",
    ),
    (
        _DOCKER,
        {"endpoints": ["https://r.example:5000"], "overridePath": True},
        f"{_DOCKER_PATH}.endpoints[0]",
        "https://r.example:5000/v2/docker.io",
    ),
    (
        _DOCKER,
        {"endpoints": ["https://r.example:5000/mirror"], "overridePath": True},
        f"{_DOCKER_PATH}.endpoints[0]",
        "https://r.example:5000/v2/mirror",
    ),
    (_DOCKER, {"overridePath": True}, f"{_DOCKER_PATH}.overridePath", "give the endpoints"),
    (
        _DOCKER,
        {"endpoints": ["https://r.example:0"]},
        f"{_DOCKER_PATH}.endpoints[0]",
        "not a host[:port]",
    ),
    (
        _DOCKER,
        {"endpoints": ["http://r.example:5000"], "skipVerify": True},
        f"{_DOCKER_PATH}.skipVerify",
        "plain http",
    ),
    (
        _DOCKER,
        {"endpoints": ["http://r.example:5000"], "caCert": EXAMPLE_CA},
        f"{_DOCKER_PATH}.caCert",
        "plain http",
    ),
    (
        _DOCKER,
        {"endpoints": ["https://r.example:5000"], "caCert": "garbage"},
        f"{_DOCKER_PATH}.caCert",
        "no certificate",
    ),
    (
        _DOCKER,
        {"endpoints": ["https://r.example:5000"], "authSecretRef": "registry-auth"},
        f"{_DOCKER_PATH}.authSecretRef",
        "sidero.flavour: airgap",
    ),
    (
        ("registry", "mirrors"),
        {
            "docker.io": {"endpoints": ["https://r.example:5000"], "skipVerify": True},
            "ghcr.io": {"endpoints": ["https://r.example:5000"], "skipVerify": False},
        },
        'site.registry.mirrors["ghcr.io"].skipVerify',
        "belong to the endpoint",
    ),
]

PLANNED: list[Case] = [
    (("registry", "kind"), "distribution", "site.registry.kind", ""),
    (("registry", "kind"), "harbor", "site.registry.kind", ""),
]


@pytest.mark.parametrize(("place", "value", "path", "words"), [*SHAPES, *COMBINATIONS, *MIRRORS])
def test_a_fault_is_told_at_its_place_with_what_to_do(
    place: Place, value: object, path: str, words: str
) -> None:
    faults = {fault.path: fault for fault in faults_of(changed((place, value)))}

    assert path in faults
    assert words in str(faults[path])
    assert faults[path].message


@pytest.mark.parametrize(("place", "value", "path", "words"), SHAPES)
def test_a_wrong_value_is_told_once_and_nothing_else_is(
    place: Place, value: object, path: str, words: str
) -> None:
    assert paths_of(changed((place, value))) == [path]


@pytest.mark.parametrize(("place", "value", "path", "words"), PLANNED)
def test_what_is_planned_is_refused_as_planned(
    place: Place, value: object, path: str, words: str
) -> None:
    [fault] = faults_of(changed((place, value)))

    assert fault.path == path
    assert "planned, not in this release" in fault.message
    assert fault.hint


def test_an_embedded_registry_and_a_factory_that_writes_to_it_exclude_each_other() -> None:
    site = changed(
        (("registry",), _EMBEDDED),
        (("imageFactory",), {**_FACTORY, "registry": "boot.example:8443"}),
    )

    [fault] = faults_of(site)

    assert fault.path == "site.imageFactory.registry"
    assert "read-only" in fault.message


def test_a_factory_with_a_registry_of_its_own_goes_with_an_embedded_registry() -> None:
    assert not faults_of(changed((("registry",), _EMBEDDED), (("imageFactory",), _FACTORY)))


@pytest.mark.parametrize(
    "name",
    ["gvisor", "siderolabs/gvisor:1", "siderolabs/", "Siderolabs/gvisor", "ghcr.io/a/b"],
)
def test_an_extension_is_named_vendor_slash_name(name: str) -> None:
    site = changed((("imageFactory",), _FACTORY), ((*_CLASS, "extensions"), [name]))

    assert paths_of(site) == ["site.serverClasses[0].extensions[0]"]


def test_an_extension_is_listed_once() -> None:
    extensions = ["siderolabs/gvisor", "siderolabs/iscsi-tools", "siderolabs/gvisor"]
    site = changed((("imageFactory",), _FACTORY), ((*_CLASS, "extensions"), extensions))

    assert paths_of(site) == ["site.serverClasses[0].extensions[2]"]


@pytest.mark.parametrize(
    "url", ["http://registry.example:5000", "https://10.0.0.5", "https://[fd00::5]:5000"]
)
def test_forms_of_an_endpoint_that_are_right(url: str) -> None:
    assert not faults_of(changed((("registry", "endpoints", 0, "url"), url)))


def test_an_exception_past_its_date_is_no_fault() -> None:
    expired = {**_EXCEPTION, "expires": "2001-01-01"}

    assert not faults_of(changed((("policy", "exceptions"), [expired])))
