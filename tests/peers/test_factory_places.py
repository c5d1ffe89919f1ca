"""One image at two places of a real registry: its bytes are there, and go over the wire, once.

What an Image Factory reads lies at `siderolabs/<name>` beside the site's own layout.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from airgap.digest import Digest
from airgap.net.origins import Origins
from airgap.oci.client import RegistryClient
from airgap.oci.registries import Registries
from airgap.store import Store
from airgap.transfer.destination import ImageItem, RegistryDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger
from airgap.transfer.prune import Removal, remove_images
from airgap.transfer.push import Pushed, connect, push_images
from airgap.transfer.wanted import images_of
from lab.registry import Registry
from tests.peers.certificates import Certificates
from tests.peers.clients import Crane
from tests.peers.realistic import RealImage
from tests.peers.registries import RealRegistry
from tests.plan.samples import image_pin, make_lock

pytestmark = pytest.mark.peers

NAME = "ghcr.io/siderolabs/imager"
READ_AT = "siderolabs/imager"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Redirect:
    url: str
    ca: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A real registry, empty, and a store with one image."""

    registry: RealRegistry
    client: RegistryClient
    own: RegistryDestination
    store: Store
    ledgers: Path
    image: ImageItem

    def push(self, destination: RegistryDestination, *items: ImageItem) -> Pushed:
        """Push images to one of the two places."""
        return push_images(
            self.store,
            self.client,
            destination,
            f"berlin/{destination.layout}",
            items,
            self.ledger(destination),
            twin=self.ledger(destination.twin),
        )

    def prune(self, destination: RegistryDestination, *items: ImageItem) -> tuple[Removal, ...]:
        """Remove images that no set names any more."""
        ledger = self.ledger(destination)
        ledger.release(f"berlin/{destination.layout}")
        return remove_images(self.client, destination, ledger, [item.key for item in items])

    def ledger(self, destination: RegistryDestination) -> Ledger:
        """Return the record of a place."""
        return Ledger(self.ledgers, destination.identity)

    def blobs(self) -> Mapping[str, int]:
        """Return the size of each blob on disk (both keep them under `v2/blobs`)."""
        root = self.registry.storage / "docker/registry/v2/blobs"
        return {
            path.parent.name: path.stat().st_size
            for path in root.rglob("data")
            if not path.is_dir()
        }


@pytest.fixture
def store(crane: Crane, small_image: RealImage, tmp_path: Path) -> tuple[Store, ImageItem]:
    """A store that `fetch` filled, and what is in it."""
    lock = make_lock(images={f"{NAME}:v1.11.5": "talos"})
    pin = image_pin(f"{NAME}:v1.11.5", "talos").model_copy(update={"digest": small_image.digest})
    lock = lock.model_copy(update={"images": {f"{NAME}:v1.11.5": pin}, "assets": {}})
    filled = Store.open(tmp_path / "store", create=True)
    with Registry() as upstream:
        crane.push(small_image.layout, f"{upstream.host}/{NAME}:v1.11.5")
        redirects = {"ghcr.io": _Redirect(url=f"{upstream.url}/ghcr.io")}
        with Registries(redirects) as registries, Origins() as origins:
            fetch_site(lock, registries=registries, releases=origins, store=filled)
    return filled, images_of([lock])[0]


@pytest.fixture(params=["distribution", "docker_registry"])
def scene(
    request: pytest.FixtureRequest,
    store: tuple[Store, ImageItem],
    certificates: Certificates,
    tmp_path: Path,
) -> Iterator[Scene]:
    """Each real registry, empty."""
    registry = request.getfixturevalue(request.param)
    assert isinstance(registry, RealRegistry)
    own = RegistryDestination(
        kind="existing", endpoint=registry.url, ca=certificates.authority.read_text()
    )
    with connect(own) as client:
        yield Scene(
            registry=registry,
            client=client,
            own=own,
            store=store[0],
            ledgers=tmp_path / "ledgers",
            image=store[1],
        )


def test_the_second_place_costs_no_bytes_on_disk_or_wire(
    scene: Scene, crane: Crane, tmp_path: Path
) -> None:
    first = scene.push(scene.own, scene.image)
    before = scene.blobs()
    second = scene.push(scene.own.twin, scene.image)

    assert first.moved_bytes > 1_000_000
    assert (second.pushed, second.moved_bytes) == (1, 0)
    assert second.mounted > 0
    assert scene.blobs() == before
    for place in (NAME, READ_AT):
        pulled = crane.pull(f"{scene.registry.host}/{place}:v1.11.5", tmp_path / place)
        assert pulled == str(scene.image.digest)
    assert crane.run("ls", f"{scene.registry.host}/{READ_AT}").split() == ["v1.11.5"]


def test_the_factorys_place_first_and_the_sites_mounts(scene: Scene) -> None:
    scene.push(scene.own.twin, scene.image)
    before = scene.blobs()
    second = scene.push(scene.own, scene.image)

    assert (second.pushed, second.moved_bytes) == (1, 0)
    assert scene.blobs() == before


def test_an_image_without_a_tag_gets_one_and_goes_with_it(scene: Scene, crane: Crane) -> None:
    bare = replace(scene.image, tag="")
    keeper = f"digest-{scene.image.digest.hex[:16]}"
    scene.push(scene.own, bare)

    assert crane.run("ls", f"{scene.registry.host}/{NAME}").split() == [keeper]
    assert scene.push(scene.own, bare).present == 1
    assert [removal.outcome for removal in scene.prune(scene.own, bare)] == ["removed"]
    for reference in (keeper, str(bare.digest)):
        assert scene.client.head_manifest(NAME, reference) is None


def test_both_places_are_pruned_each_for_itself(scene: Scene) -> None:
    scene.push(scene.own, scene.image)
    scene.push(scene.own.twin, scene.image)

    assert [removal.outcome for removal in scene.prune(scene.own.twin, scene.image)] == ["removed"]
    assert scene.client.head_manifest(READ_AT, "v1.11.5") is None
    found = scene.client.head_manifest(NAME, "v1.11.5")
    assert found is not None
    assert found.digest == Digest.parse(str(scene.image.digest))
