"""What a node finds at real registries: each locked image by its digest, anything else a 404.

The plan's own patch decides where it asks and whom it trusts there (tests.plan.rewriting reads it
as Talos does); our transfer filled the registries, or the store is served as it is.
"""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from airgap.lock.model import ImagePin, Lock
from airgap.net import RetryPolicy
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.plan import plan_site
from airgap.serve import Server
from airgap.store import Store
from airgap.transfer.destination import RegistryDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger
from airgap.transfer.push import connect, push_images
from airgap.transfer.wanted import images_of
from lab.registry import Registry
from tests.peers.certificates import Certificates
from tests.peers.registries import RealRegistry
from tests.plan.rewriting import Entry, containerd_urls, read_entries, resolver_urls
from tests.plan.samples import make_lock, make_site
from tests.practice_images import OCI_INDEX, PracticeImage, make_image

pytestmark = pytest.mark.peers

# Reference → where the practice upstream has it; a repository's component has no colon.
IMAGES = {
    "ghcr.io/siderolabs/installer:v1.11.5": "ghcr.io/siderolabs/installer",
    "ghcr.io/siderolabs/installer:v1.13.9": "ghcr.io/siderolabs/installer",
    "docker.io/library/nginx:1.27.3": "docker.io/library/nginx",
    "registry.k8s.io/pause:3.10": "registry.k8s.io/pause",
    "registry.corp:5000/app/web:1.0": "registry.corp_5000/app/web",
}
UNDECLARED = (
    ("quay.example", "some/image/manifests/v1"),
    ("other.corp:5000", "app/mail/manifests/1.0"),
    ("ghcr.io", "siderolabs/installer/manifests/v1.10.0"),
    ("registry.k8s.io", "etcd/manifests/3.6.5-0"),
)
SAME_NAME = ("other.corp:5000", "app/web/manifests/1.0")
"""Of a host that nobody declared, by the name that an image of another host has."""
RELEASES = ("v1.11.5", "v1.13.9")
LAYOUTS = (("prefix", ""), ("prefix", "proj/sub"), ("flat", ""), ("flat", "proj"))
ACCEPT = f"{OCI_INDEX}, application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Redirect:
    url: str
    ca: str | None = None


@pytest.fixture(scope="module")
def images() -> dict[str, PracticeImage]:
    """An image of its own for each reference."""
    return {reference: make_image(reference) for reference in IMAGES}


@pytest.fixture(scope="module")
def lock(images: Mapping[str, PracticeImage]) -> Lock:
    """A lock of them, digests by hashlib."""
    pins = {
        reference: ImagePin(
            digest=image.digest,
            media_type=OCI_INDEX,
            size=1,
            need="workloads",
            needed_by=("test",),
        )
        for reference, image in images.items()
    }
    return make_lock(images={}, talos=RELEASES).model_copy(update={"images": pins})


@pytest.fixture(scope="module")
def store(
    images: Mapping[str, PracticeImage], lock: Lock, tmp_path_factory: pytest.TempPathFactory
) -> Store:
    """A store with all of them, fetched from a practice upstream."""
    made = Store.open(tmp_path_factory.mktemp("node-view") / "store", create=True)
    with Registry() as upstream:
        for reference, repository in IMAGES.items():
            images[reference].put(upstream.content, repository, reference.rpartition(":")[2])
        redirects = {
            reference.partition("/")[0]: _Redirect(
                url=f"{upstream.url}/{repository.partition('/')[0]}"
            )
            for reference, repository in IMAGES.items()
        }
        pinned = lock.model_copy(update={"assets": {}})
        with Registries(redirects) as registries, Origins() as origins:
            fetch_site(pinned, registries=registries, releases=origins, store=made)
    return made


@pytest.fixture(params=["distribution", "docker_registry"])
def registry(request: pytest.FixtureRequest) -> RealRegistry:
    """Each real registry."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, RealRegistry)
    return found


@cache
def _context(authority: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node with a class's patch: where it asks, whom it trusts there."""

    mirrors: Mapping[str, Entry]
    authorities: Mapping[str, str]

    def ask(self, url: str) -> tuple[int, str]:
        """Return status and digest of what a URL answers; the digest is of the bytes."""
        context = _context(self.authorities[urlsplit(url).netloc])
        with httpx.Client(verify=context, trust_env=False, timeout=60) as client:
            answer = client.get(url, headers={"Accept": ACCEPT})
        return answer.status_code, "sha256:" + hashlib.sha256(answer.content).hexdigest()

    def urls(self, host: str, rest: str) -> Iterator[str]:
        """Yield every URL it would try, by Talos' own resolver and by containerd."""
        yield from resolver_urls(self.mirrors, host, rest)
        yield from containerd_urls(self.mirrors, host, rest)


def node_of(lock: Lock, talos: str, registry: Mapping[str, object]) -> Node:
    """Return a node of a site with this registry."""
    site = make_site(
        talos={"versions": [talos]},
        environments=[{"name": "boot", "talos": talos}],
        serverClasses=[{"name": "workers", "environment": "boot"}],
        registry=registry,
    )
    plan = plan_site(site, lock, name="berlin")
    files = next(item for item in plan.sidero.children if item.name == "manifests-machine-config")
    content = files.inputs["files"]
    assert isinstance(content, Mapping)
    documents = content["machine-config/workers.patch.yaml"]["documents"]
    return Node(mirrors=read_entries(documents), authorities=dict(_authorities(documents)))


def _authorities(documents: Sequence[Mapping[str, object]]) -> Iterator[tuple[str, str]]:
    """Yield the CA of each endpoint's host:port: base64 of PEM in v1alpha1, PEM in a document."""
    for document in documents:
        if document.get("kind") == "RegistryTLSConfig":
            yield str(document["name"]), str(document["ca"])
        elif isinstance(machine := document.get("machine"), Mapping) and "registries" in machine:
            for host, settings in machine["registries"]["config"].items():
                yield host, base64.b64decode(settings["tls"]["ca"]).decode()


def check(node: Node, lock: Lock) -> None:
    """Ask for everything that is locked, and for what nobody declared."""
    for reference, pin in lock.images.items():
        host, _, rest = reference.partition("/")
        repository, _, tag = rest.rpartition(":")
        urls = [*node.urls(host, f"{repository}/manifests/{tag}")]
        urls += node.urls(host, f"{repository}/manifests/{pin.digest}")
        assert len(urls) == 4
        for url in urls:
            assert node.ask(url) == (200, pin.digest), url
    for host, rest in UNDECLARED:
        urls = [*node.urls(host, rest)]
        assert len(urls) == 2
        for url in urls:
            assert node.ask(url)[0] == 404, url


def check_same_name(node: Node, lock: Lock, layout: str) -> None:
    """Ask for a name that another host has: flat drops the host, prefix knows better."""
    pin = lock.images["registry.corp:5000/app/web:1.0"]
    for url in node.urls(*SAME_NAME):
        status, digest = node.ask(url)
        assert (status, digest) == (200, pin.digest) if layout == "flat" else status == 404


@pytest.mark.parametrize(("layout", "prefix"), LAYOUTS)
def test_a_registry_that_we_filled_answers_every_node_from_inside(
    registry: RealRegistry,
    store: Store,
    lock: Lock,
    layout: str,
    prefix: str,
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    authority = certificates.authority.read_text()
    place = RegistryDestination(
        kind="existing",
        endpoint=registry.url,
        path_prefix=prefix,
        layout="flat" if layout == "flat" else "prefix",
        ca=authority,
    )
    ledger = Ledger(tmp_path / "ledger", place.identity)
    with connect(place, retry=RetryPolicy()) as client:
        pushed = push_images(store, client, place, "all", images_of([lock]), ledger)
    assert pushed.pushed == len(IMAGES)

    endpoints = [{"url": registry.url, "ca": authority}]
    described = {
        "kind": "existing",
        "endpoints": endpoints,
        "layout": layout,
        "pathPrefix": prefix,
    }
    for talos in RELEASES:
        node = node_of(lock, talos, described)
        check(node, lock)
        check_same_name(node, lock, layout)


def test_the_served_store_answers_every_node_from_inside(
    store: Store, lock: Lock, certificates: Certificates
) -> None:
    authority = certificates.authority.read_text()
    with Server(store, "127.0.0.1", 0, tls=(certificates.chain, certificates.key)) as server:
        described = {"kind": "embedded", "endpoints": [{"url": server.url, "ca": authority}]}
        for talos in RELEASES:
            check(node_of(lock, talos, described), lock)
