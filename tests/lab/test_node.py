"""A node's view, against Talos' resolver (`internal/pkg/containers/image/resolver.go`, v1.11.5)."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
import yaml

from lab.auth import BasicAuth, BearerAuth
from lab.machineconfig import (
    MachineConfigError,
    Mirror,
    MirrorEndpoint,
    RegistryConfig,
    read_registry_config,
)
from lab.node import EgressError, Node, PullError, endpoint_base
from lab.registry import Registry
from lab.tls import Authority
from lab.upstream import Upstream

_KUBELET = "ghcr.io/siderolabs/kubelet:v1.34.1"


def _machine(mirrors: dict[str, object], config: dict[str, object] | None = None) -> str:
    registries = {"mirrors": mirrors, **({"config": config} if config else {})}
    return yaml.safe_dump({"version": "v1alpha1", "machine": {"registries": registries}})


def _mirror(url: str, *, skip_fallback: bool = True, override: bool = True) -> dict[str, object]:
    return {"endpoints": [url], "overridePath": override, "skipFallback": skip_fallback}


def _ca(authority: Authority) -> str:
    return base64.b64encode(authority.ca_file.read_bytes()).decode()


@pytest.fixture
def site(upstream: Upstream, authority: Authority) -> str:
    """The configuration of a site whose registry holds ghcr.io's images below `ghcr.io/`."""
    host = upstream.outside.host
    return _machine(
        {
            "ghcr.io": _mirror(f"{upstream.outside.url}/v2/ghcr.io"),
            "docker.io": _mirror(f"{upstream.outside.url}/v2/docker.io"),
            "*": _mirror(upstream.outside.url, override=False),
        },
        {host: {"tls": {"ca": _ca(authority)}}},
    )


@pytest.mark.parametrize(
    ("url", "override", "base"),
    [
        ("https://r:5000", False, "https://r:5000/v2"),
        ("https://r:5000/", False, "https://r:5000/v2"),
        ("https://r:5000/docker.io", False, "https://r:5000/docker.io/v2"),
        ("https://r:5000/v2/docker.io", False, "https://r:5000/v2/docker.io/v2"),
        ("https://r:5000/a/v2", False, "https://r:5000/a/v2"),
        ("https://r:5000/v2/docker.io", True, "https://r:5000/v2/docker.io"),
        ("https://r:5000", True, "https://r:5000"),
    ],
)
def test_the_endpoint_path_rule(url: str, override: bool, base: str) -> None:
    """The table of sidero-talos.md section 2."""
    assert endpoint_base(MirrorEndpoint(url=url, override_path=override)) == base


def _resolve(registry: str, **mirrors: Mirror) -> tuple[str, ...]:
    named = {name.replace("_", "."): mirror for name, mirror in mirrors.items()}
    if "any" in named:
        named["*"] = named.pop("any")
    return Node(RegistryConfig(mirrors=named)).resolve_endpoints(registry)


def test_an_exact_entry_wins_and_inherits_nothing_from_the_catch_all() -> None:
    exact = Mirror(endpoints=(MirrorEndpoint(url="https://a"),))
    catch_all = Mirror(endpoints=(MirrorEndpoint(url="https://b"),), skip_fallback=True)
    assert _resolve("ghcr.io", ghcr_io=exact, any=catch_all) == (
        "https://a/v2",
        "https://ghcr.io/v2",
    )
    assert _resolve("quay.io", ghcr_io=exact, any=catch_all) == ("https://b/v2",)


def test_upstream_comes_last_without_skip_fallback() -> None:
    mirror = Mirror(endpoints=(MirrorEndpoint(url="https://a"),))
    assert _resolve("docker.io", docker_io=mirror)[-1] == "https://registry-1.docker.io/v2"
    assert _resolve("docker.io") == ("https://registry-1.docker.io/v2",)


def test_an_image_is_pulled_completely_by_tag_and_by_digest(upstream: Upstream, site: str) -> None:
    with Node(site) as node:
        pulled = node.pull(_KUBELET)
        assert pulled.endpoint == f"{upstream.outside.url}/v2/ghcr.io"
        assert len(pulled.blobs) == 4
        assert pulled.moved_bytes == sum(pulled.blobs.values())
        again = node.pull(f"{_KUBELET}@{pulled.digest}")
        assert (again.blobs, again.moved_bytes) == (pulled.blobs, 0)
        other = node.pull(_KUBELET, platform="linux/arm64")
        assert other.digest == pulled.digest
        assert not set(other.blobs) & set(pulled.blobs)
    assert node.egress == []
    assert node.unverified == set()


def test_official_docker_images_are_below_library_and_ns_names_their_registry(
    upstream: Upstream, site: str
) -> None:
    upstream.outside.requests.clear()
    with Node(site) as node:
        node.pull("nginx:1.27.3")
    asked = next(iter(upstream.outside.requests))
    assert asked.path == "/v2/docker.io/library/nginx/manifests/1.27.3"
    assert asked.query == "ns=docker.io"


def test_what_no_mirror_has_is_refused_inside(upstream: Upstream, site: str) -> None:
    with Node(site) as node, pytest.raises(PullError, match="404"):
        node.pull("quay.io/some/thing:v1")
    assert node.egress == []


def test_an_entry_without_skip_fallback_leads_out_of_the_site(
    upstream: Upstream, authority: Authority
) -> None:
    config = _machine(
        {"ghcr.io": _mirror(f"{upstream.outside.url}/v2/nowhere", skip_fallback=False)},
        {upstream.outside.host: {"tls": {"ca": _ca(authority)}}},
    )
    with Node(config) as node, pytest.raises(EgressError):
        node.pull(_KUBELET)
    assert [url.partition("?")[0] for url in node.egress] == [
        "https://ghcr.io/v2/siderolabs/kubelet/manifests/v1.34.1"
    ]


def test_a_path_without_override_is_asked_below_its_own_v2(
    upstream: Upstream, authority: Authority
) -> None:
    """The plan document's form `https://registry/ghcr.io`: 404 at every real registry."""
    config = _machine(
        {"ghcr.io": _mirror(f"{upstream.outside.url}/ghcr.io", override=False)},
        {upstream.outside.host: {"tls": {"ca": _ca(authority)}}},
    )
    upstream.outside.requests.clear()
    with Node(config) as node, pytest.raises(PullError, match="404"):
        node.pull(_KUBELET)
    assert next(iter(upstream.outside.requests)).path.startswith("/ghcr.io/v2/siderolabs/")


def test_a_private_ca_has_to_be_given_for_the_endpoint_host(upstream: Upstream) -> None:
    mirrors: dict[str, object] = {"ghcr.io": _mirror(f"{upstream.outside.url}/v2/ghcr.io")}
    with Node(_machine(mirrors)) as node, pytest.raises(PullError, match="CERTIFICATE_VERIFY"):
        node.pull(_KUBELET)
    skipping: dict[str, object] = {upstream.outside.host: {"tls": {"insecureSkipVerify": True}}}
    with Node(_machine(mirrors, skipping)) as node:
        node.pull(_KUBELET)
        assert node.unverified == {upstream.outside.host}


def test_trusted_roots_serve_every_endpoint(upstream: Upstream, authority: Authority) -> None:
    roots = yaml.safe_dump(
        {
            "apiVersion": "v1alpha1",
            "kind": "TrustedRootsConfig",
            "name": "site",
            "certificates": authority.ca_file.read_text(),
        }
    )
    mirrors: dict[str, object] = {"ghcr.io": _mirror(f"{upstream.outside.url}/v2/ghcr.io")}
    with Node(f"{_machine(mirrors)}---\n{roots}") as node:
        assert node.pull(_KUBELET).blobs


def _documents(upstream: Upstream, authority: Authority) -> str:
    mirror = {
        "apiVersion": "v1alpha1",
        "kind": "RegistryMirrorConfig",
        "name": "ghcr.io",
        "endpoints": [{"url": f"{upstream.outside.url}/v2/ghcr.io", "overridePath": True}],
        "skipFallback": True,
    }
    tls = {
        "apiVersion": "v1alpha1",
        "kind": "RegistryTLSConfig",
        "name": upstream.outside.host,
        "ca": authority.ca_file.read_text(),
    }
    return yaml.safe_dump_all([mirror, tls])


def test_the_document_form_is_understood_since_1_12(
    upstream: Upstream, authority: Authority
) -> None:
    documents = _documents(upstream, authority)
    with Node(documents, talos="v1.12.0") as node:
        assert node.pull(_KUBELET).blobs
    with pytest.raises(MachineConfigError, match="not registered"):
        read_registry_config(documents, talos="v1.11.5")


def test_a_document_replaces_the_entry_of_its_name(
    upstream: Upstream, authority: Authority
) -> None:
    old = _machine({"ghcr.io": _mirror("https://old.example/v2/ghcr.io", skip_fallback=False)})
    config = read_registry_config(f"{_documents(upstream, authority)}---\n{old}", talos="v1.12.0")
    assert config.mirrors["ghcr.io"].skip_fallback
    assert config.mirrors["ghcr.io"].endpoints[0].url.startswith(upstream.outside.url)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (_machine({"a": None}), "expected a mapping"),
        (_machine({"a": {"endpoints": ["r:5000"]}}), "http"),
        (_machine({"a": {"endpoint": ["https://r"]}}), "unknown keys endpoint"),
        (_machine({"a": {"endpoints": [], "skipVerify": True}}), "unknown keys skipVerify"),
        (_machine({}, {"*": {"tls": {"insecureSkipVerify": True}}}), "not allowed"),
        (_machine({}, {"r:5000": {"tls": {"ca": "-----BEGIN CERTIFICATE-----"}}}), "not base64"),
        (
            _machine(
                {"a": _mirror("http://r:80")}, {"r:80": {"tls": {"insecureSkipVerify": True}}}
            ),
            "http endpoint",
        ),
    ],
)
def test_what_talos_refuses(config: str, reason: str) -> None:
    with pytest.raises(MachineConfigError, match=reason):
        read_registry_config(config)


@pytest.fixture
def small_registry(request: pytest.FixtureRequest, upstream: Upstream) -> Iterator[Registry]:
    """A plain-http registry with the upstream's content and some authentication."""
    with Registry(auth=request.param) as registry:
        registry.content = upstream.registry.content
        yield registry


@pytest.mark.parametrize(
    "small_registry",
    [BasicAuth({"node": "s3cret"}), BearerAuth({"node": "s3cret"}, anonymous_pull=False)],
    indirect=True,
)
@pytest.mark.parametrize(
    "auth",
    [
        {"username": "node", "password": "s3cret"},
        {"auth": base64.b64encode(b"node:s3cret").decode()},
    ],
)
def test_credentials_belong_to_the_endpoint_host(
    small_registry: Registry, auth: dict[str, str]
) -> None:
    mirrors: dict[str, object] = {"ghcr.io": _mirror(f"{small_registry.url}/v2/ghcr.io")}
    with Node(_machine(mirrors, {small_registry.host: {"auth": auth}})) as node:
        assert node.pull(_KUBELET).blobs
        assert node.pull("ghcr.io/siderolabs/flannel:v0.27.4").blobs
    misplaced = _machine(mirrors, {"ghcr.io": {"auth": auth}})
    with Node(misplaced) as node, pytest.raises(PullError, match="401"):
        node.pull(_KUBELET)


@pytest.fixture
def spoilt(upstream: Upstream) -> Iterator[Upstream]:
    yield upstream
    upstream.outside.faults.clear()


def test_a_flipped_bit_is_noticed(spoilt: Upstream, site: str) -> None:
    spoilt.outside.faults.add("/blobs/", flip_byte=0)
    with Node(site) as node, pytest.raises(PullError, match="with digest"):
        node.pull(_KUBELET)


def test_a_truncated_blob_is_noticed(spoilt: Upstream, site: str) -> None:
    spoilt.outside.faults.add("/blobs/", truncate_to=10, times=None)
    with Node(site) as node, pytest.raises(PullError):
        node.pull(_KUBELET)


def test_a_login_page_is_no_manifest(spoilt: Upstream, site: str) -> None:
    spoilt.outside.faults.add_login_page("/manifests/", times=None)
    with Node(site) as node, pytest.raises(PullError, match="not JSON"):
        node.pull(_KUBELET)


def test_a_redirect_out_of_the_site_is_refused(spoilt: Upstream, site: str) -> None:
    headers = {"Location": "https://cdn.example/blob"}
    spoilt.outside.faults.add("/blobs/", status=307, headers=headers)
    with Node(site) as node, pytest.raises(EgressError):
        node.pull(_KUBELET)
    assert node.egress == ["https://cdn.example/blob"]


def test_an_in_site_host_without_a_mirror_is_reached_by_its_own_name(
    upstream: Upstream, authority: Authority
) -> None:
    """An installer image named by the site's registry itself: default endpoint, no `/v2` tricks."""
    host = upstream.outside.host
    config = _machine({}, {host: {"tls": {"ca": _ca(authority)}}})
    image = f"{host}/ghcr.io/siderolabs/installer:v1.11.5"
    with Node(config, in_site=[host]) as node:
        assert node.pull(image).endpoint == f"https://{host}/v2"
    with Node(config) as node, pytest.raises(EgressError):
        node.pull(image)
