"""Images from one real registry through the store to another, and from the served store itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from airgap.lock.model import ImagePin, Inputs, Lock
from airgap.net import RetryPolicy
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.serve import Server
from airgap.store import Store
from airgap.transfer.destination import RegistryDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger
from airgap.transfer.push import Pushed, connect, push_images
from airgap.transfer.wanted import images_of
from tests.peers.certificates import Certificates
from tests.peers.clients import Client, Crane, Regctl, Skopeo
from tests.peers.conformance import PULL_APIS, Content, check_pull
from tests.peers.realistic import RealImage
from tests.peers.registries import RealRegistry
from tools.peers import Peers

pytestmark = pytest.mark.peers

SMALL = "docker.io/debian/small:12"
LEGACY = "registry.k8s.io/legacy:12"
SIGNED = "docker.io/debian/small"
_SIGNATURE_TYPE = "application/vnd.dev.cosign.artifact.sig.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Redirect:
    url: str
    ca: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A real registry that clients filled: `images` by public reference, to the digests there."""

    registry: RealRegistry
    images: Mapping[str, str]
    signature: str


@pytest.fixture(params=["distribution", "docker_registry"])
def source(
    request: pytest.FixtureRequest,
    skopeo: Skopeo,
    crane: Crane,
    regctl: Regctl,
    small_image: RealImage,
) -> Source:
    """Each real registry, filled: OCI types by crane, Docker's by skopeo, a referrer by regctl."""
    registry = request.getfixturevalue(request.param)
    assert isinstance(registry, RealRegistry)
    crane.push(small_image.layout, f"{registry.host}/{SMALL}")
    skopeo.push(small_image.layout, f"{registry.host}/{LEGACY}", "--format=v2s2")
    signature = regctl.attach(f"{registry.host}/{SMALL}", _SIGNATURE_TYPE, b"signed")
    signed = f"{SIGNED}@{signature}"
    digests = {name: crane.digest(f"{registry.host}/{name}") for name in (SMALL, LEGACY, signed)}
    return Source(registry=registry, images=digests, signature=signature)


@pytest.fixture
def store(source: Source, certificates: Certificates, tmp_path: Path) -> Store:
    """A store that `fetch` filled from the source."""
    return _fetch(source.registry, source.images, certificates, tmp_path / "store")


def _fetch(
    registry: RealRegistry, images: Mapping[str, str], certificates: Certificates, folder: Path
) -> Store:
    authority = certificates.authority.read_text()
    redirects = {
        host: _Redirect(url=f"{registry.url}/{host}", ca=authority)
        for host in ("docker.io", "registry.k8s.io")
    }
    store = Store.open(folder, create=True)
    with Registries(redirects) as registries, Origins() as origins:
        fetch_site(_lock(images), registries=registries, releases=origins, store=store)
    return store


def _lock(images: Mapping[str, str]) -> Lock:
    pins = {
        name: ImagePin(
            digest=digest,
            media_type="application/vnd.oci.image.index.v1+json",
            size=1,
            need="workloads",
            needed_by=("test",),
        )
        for name, digest in images.items()
    }
    return Lock(inputs=Inputs(talos=("v1.11.5",), sidero="v0.6.13"), images=pins, assets={})


@pytest.fixture
def clients(crane: Crane, regctl: Regctl, skopeo: Skopeo) -> Mapping[str, Client]:
    """All real clients."""
    return {"crane": crane, "regctl": regctl, "skopeo": skopeo}


@pytest.fixture
def destination(
    source: Source, distribution: RealRegistry, docker_registry: RealRegistry
) -> RealRegistry:
    """The real registry that the source is not."""
    return docker_registry if source.registry is distribution else distribution


@pytest.fixture
def served(store: Store, certificates: Certificates) -> Iterator[str]:
    """`host:port` of the store, served over TLS."""
    tls = (certificates.chain, certificates.key)
    with Server(store, "127.0.0.1", 0, tls=tls) as server:
        yield server.url.removeprefix("https://")


def _pull_all(client: Client, host: str, images: Mapping[str, str], folder: Path) -> dict[str, str]:
    return {
        name: client.pull(f"{host}/{name}", folder / str(position))
        for position, name in enumerate(images)
    }


def test_everything_arrives_with_its_digest_and_nothing_is_sent_twice(
    source: Source,
    store: Store,
    destination: RealRegistry,
    certificates: Certificates,
    clients: Mapping[str, Client],
    tmp_path: Path,
) -> None:
    place = RegistryDestination(
        kind="existing", endpoint=destination.url, ca=certificates.authority.read_text()
    )
    ledger = Ledger(tmp_path / "ledger", place.identity)
    items = images_of([_lock(source.images)])

    with connect(place, retry=RetryPolicy()) as registry:
        first = push_images(store, registry, place, "all", items, ledger)
        second = push_images(store, registry, place, "all", items, ledger)

    assert (first.present, first.pushed) == (0, 3)
    assert second == Pushed(present=3, pushed=0)
    for name, client in clients.items():
        pulled = _pull_all(client, destination.host, source.images, tmp_path / name)
        assert pulled == source.images, name


def test_clients_pull_every_image_from_the_served_store(
    source: Source, served: str, clients: Mapping[str, Client], tmp_path: Path
) -> None:
    for name, client in clients.items():
        pulled = _pull_all(client, served, source.images, tmp_path / name)
        assert pulled == source.images, name


def test_served_store_passes_the_conformance_suite(
    source: Source,
    served: str,
    peers: Peers,
    small_image: RealImage,
    environment: Mapping[str, str],
    tmp_path: Path,
) -> None:
    content = Content(
        repository="docker.io/debian/small",
        tags=["12"],
        manifests=[small_image.digest, *small_image.platforms.values(), source.signature],
        blobs=[*small_image.layers["amd64"], *small_image.layers["arm64"]],
        subjects=[small_image.digest],
    )

    verdict = check_pull(peers, served, content, environment, tmp_path / "conformance")

    assert verdict.result == "Pass", verdict.report
    passed = {api for api, result in verdict.apis.items() if result == "Pass"}
    assert passed == PULL_APIS | {"Referrers"}


def test_signature_is_found_through_the_served_store(
    source: Source, served: str, regctl: Regctl
) -> None:
    listed = regctl.run("artifact", "list", f"{served}/{SMALL}", "--format={{jsonPretty .}}")

    assert source.signature in listed


def test_image_above_300_mb_arrives_whole_and_from_the_served_store_too(
    large_image: RealImage,
    distribution: RealRegistry,
    docker_registry: RealRegistry,
    certificates: Certificates,
    skopeo: Skopeo,
    crane: Crane,
    tmp_path: Path,
) -> None:
    images = {"docker.io/debian/station:12": large_image.digest}
    skopeo.push(large_image.layout, f"{distribution.host}/docker.io/debian/station:12")
    place = RegistryDestination(
        kind="existing", endpoint=docker_registry.url, ca=certificates.authority.read_text()
    )

    store = _fetch(distribution, images, certificates, tmp_path / "store")
    with connect(place) as registry:
        ledger = Ledger(tmp_path / "ledger", place.identity)
        push_images(store, registry, place, "all", images_of([_lock(images)]), ledger)
    tls = (certificates.chain, certificates.key)
    with Server(store, "127.0.0.1", 0, tls=tls) as server:
        served = server.url.removeprefix("https://")
        from_store = _pull_all(crane, served, images, tmp_path / "served")

    assert from_store == images
    assert _pull_all(skopeo, docker_registry.host, images, tmp_path / "pushed") == images
