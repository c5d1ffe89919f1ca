"""What a node finds: every locked image by its digest, anything else a 404 from inside.

The node's configuration is what servers get and what a machine that runs is patched with; the
rewriting is Talos' (tests.plan.rewriting); what the site holds is what the image sets push, at the
paths the layouts promise. tests/peers/test_node_view.py asks real registries the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

import pytest

from airgap.plan import Plan, plan_site
from airgap.plan.model import PlainValues
from tests.plan.rewriting import (
    Entry,
    containerd_urls,
    read_entries,
    resolver_urls,
    with_image_cache,
)
from tests.plan.samples import CA, IMAGES, make_lock, make_site

PORTED = "registry.corp:5000/app/web:1.0"
EVERY = {
    **IMAGES,
    f"factory.talos.dev/metal-installer/{'a' * 64}:v1.11.5": "talos",  # made upstream, carried
    PORTED: "workloads",
    "quay.io/jetstack/cert-manager-controller:v1.18.2": "sidero",
}
UNDECLARED = (
    ("quay.example", "some/image"),
    ("other.corp:5000", "app/web"),
    ("public.ecr.aws", "x"),
)
INSIDE = {"r1.example:5000", "r2.example", "127.0.0.1:3172"}
RELEASES = (
    ("v1.9.5", "v0.6.13"),
    ("v1.11.5", "v0.6.11"),
    ("v1.12.7", "v0.6.13"),
    ("v1.13.9", "v0.6.13"),
)
ENDPOINTS = [{"url": "https://r1.example:5000", "ca": CA}, {"url": "https://r2.example", "ca": CA}]

# Where `<host>/<repository>` lies: the design's decision 9, and for a host's port the underscore (a
# repository's component has no colon). The embedded registry has the store's own names.
PLACES = (
    ("existing", "prefix", "", "{component}/{repository}"),
    ("existing", "prefix", "proj/sub", "proj/sub/{component}/{repository}"),
    ("existing", "flat", "", "{repository}"),
    ("existing", "flat", "proj", "proj/{repository}"),
    ("embedded", "prefix", "", "{component}/{repository}"),
)
COMPONENTS = {"registry.corp:5000": "registry.corp_5000"}


def plan_of(
    talos: str, sidero: str, registry: Mapping[str, object], *, cache: bool = False
) -> Plan:
    """Return the plan of a site at this release with this registry."""
    site = make_site(
        talos={"versions": [talos]},
        sidero={"version": sidero},
        environments=[{"name": "boot", "talos": talos}],
        serverClasses=[{"name": "workers", "environment": "boot"}],
        registry=registry,
        imageCache={"enabled": cache},
    )
    images = {**EVERY, f"ghcr.io/siderolabs/installer:{talos}": "talos"}
    return plan_site(site, make_lock(images=images, talos=(talos,)), name="berlin")


def documents_of(plan: Plan, file: str) -> Sequence[PlainValues]:
    """Return the documents of a file of the plan."""
    for child in plan.sidero.children:
        files = child.inputs.get("files")
        if isinstance(files, Mapping) and file in files:
            documents: Sequence[PlainValues] = files[file]["documents"]
            return documents
    raise AssertionError(f"no file {file}")


def machines(plan: Plan) -> Iterator[dict[str, Entry]]:
    """Yield the mirrors of each machine: by ServerClass, patched, by Cluster API, beside Sidero."""
    yield read_entries(documents_of(plan, "machine-config/workers.patch.yaml"))
    spec = documents_of(plan, "server-classes/workers.yaml")[0]["spec"]
    assert isinstance(spec, Mapping)
    (patch,) = spec["strategicPatches"]
    yield read_entries(patch)
    control = documents_of(plan, "machine-config/workers.talos-control-plane.yaml")[0]["spec"]
    assert isinstance(control, Mapping)
    (patch,) = control["controlPlaneConfig"]["controlplane"]["strategicPatches"]
    yield read_entries(patch)
    if plan.registry.inputs["kind"] != "none":
        yield read_entries(documents_of(plan, "management/talos.patch.yaml"))


def part(reference: str) -> tuple[str, str, str]:
    """Part `host/repository:tag`."""
    host, _, rest = reference.partition("/")
    repository, _, tag = rest.rpartition(":")
    return host, repository, tag


def content(plan: Plan, place: str) -> dict[str, str]:
    """Return what the site's registry holds: `<path>/manifests/<tag>` to the locked digest."""
    held = {}
    for child in plan.registry.children:
        if child.kind == "ImageSet":
            images = child.inputs["images"]
            assert isinstance(images, Mapping)
            for name, pins in images.items():
                host, _, repository = name.partition("/")
                component = COMPONENTS.get(host, host)
                path = place.format(component=component, repository=repository)
                for pin in [pins] if isinstance(pins, str) else pins:
                    tag, _, digest = pin.partition("@")
                    held[f"/v2/{path}/manifests/{tag}"] = digest
    return held


@pytest.mark.parametrize(("talos", "sidero"), RELEASES)
@pytest.mark.parametrize(("kind", "layout", "prefix", "place"), PLACES)
@pytest.mark.parametrize("cache", [False, True])
def test_a_node_finds_every_locked_image_and_nothing_outside(
    talos: str, sidero: str, kind: str, layout: str, prefix: str, place: str, *, cache: bool
) -> None:
    registry = {"kind": kind, "endpoints": ENDPOINTS, "layout": layout, "pathPrefix": prefix}
    plan = plan_of(talos, sidero, registry, cache=cache)
    held = content(plan, place)
    assert len(held) >= len(EVERY)
    for entries in machines(plan):
        node = with_image_cache(entries) if cache else entries
        for reference in EVERY:
            host, repository, tag = part(reference)
            rest = f"{repository}/manifests/{tag}"
            asked = [resolver_urls(node, host, rest), containerd_urls(node, host, rest)]
            for urls in asked:
                assert {urlsplit(url).netloc for url in urls} <= INSIDE
                answers = [held.get(urlsplit(url).path) for url in urls[cache:]]
                assert len(answers) == 2, "both endpoints are asked"
                assert set(answers) == {sha256_of(reference)}, urls
        for host, repository in UNDECLARED:
            rest = f"{repository}/manifests/v1"
            for urls in (resolver_urls(node, host, rest), containerd_urls(node, host, rest)):
                assert urls
                assert {urlsplit(url).netloc for url in urls} <= INSIDE
                assert not [url for url in urls if urlsplit(url).path in held]


def sha256_of(reference: str) -> str:
    """Return the digest the lock has."""
    return make_lock(images={reference: "workloads"}).images[reference].digest


@pytest.mark.parametrize(("talos", "sidero"), RELEASES)
@pytest.mark.parametrize("ready", [False, True])
def test_without_a_registry_a_node_asks_its_own_image_cache_and_nobody_else(
    talos: str, sidero: str, *, ready: bool
) -> None:
    """Also where no medium was found, and by containerd, which an empty endpoint list sends out."""
    plan = plan_of(talos, sidero, {"kind": "none"}, cache=True)
    assert not [child for child in plan.registry.children if child.kind == "ImageSet"]
    for entries in machines(plan):
        node = with_image_cache(entries) if ready else entries
        hosts = [part(reference)[:2] for reference in EVERY]
        for host, repository in (*hosts, *UNDECLARED):
            rest = f"{repository}/manifests/v1"
            for urls in (resolver_urls(node, host, rest), containerd_urls(node, host, rest)):
                assert set(map(_without_query, urls)) == {f"http://127.0.0.1:3172/v2/{rest}"}


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def test_an_empty_list_of_endpoints_would_send_containerd_out() -> None:
    """Why `skipFallback` alone does not close a site: hosts.go, DisableFallback."""
    closed = {"*": Entry(endpoints=(), skip_fallback=True)}
    assert resolver_urls(closed, "quay.io", "x/manifests/v1") == []
    assert containerd_urls(closed, "quay.io", "x/manifests/v1") == [
        "https://quay.io/v2/x/manifests/v1?ns=quay.io"
    ]
