"""What a site's factory reads, at a second place of one registry: mounted, known, and pruned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from airgap.lock.model import Lock
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.receipt import Altered, HeldImage, Receipt, compare_receipt, lock_digest
from airgap.site.model import AssetMirror, Endpoint, ImageFactory, Sidero, Site, Talos
from airgap.site.model import Registry as SiteRegistry
from airgap.store import Store
from airgap.transfer.contents import StoreContent
from airgap.transfer.fetch import fetch_site
from airgap.transfer.holding import held_images
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.mirror import estimate_site, mirror_site
from airgap.transfer.prune import prune_site
from airgap.transfer.push import Pushed, connect, push_sets
from airgap.transfer.verify import verify_site
from airgap.transfer.wanted import image_places
from lab.registry import Registry
from tests.practice_images import digest_of
from tests.transfer.conftest import IMPATIENT, VERSION, Upstream
from tests.web_directory import WebDirectory

READ = "ghcr.io/siderolabs/kubelet:v1.34.1"
"""Stands for an imager here: a lock's `neededBy` alone says what a factory reads."""

OWN, FACTORYS = "ghcr.io/siderolabs/kubelet", "siderolabs/kubelet"


@dataclass
class Scene:
    """A site whose registry is empty, its lock, and the filled store."""

    site: Site
    lock: Lock
    store: Store
    registry: Registry
    upstream: Upstream

    def mirror(self) -> Pushed:
        done = mirror_site("berlin", self.site, self.lock, store=self.store, retry=IMPATIENT)
        assert done.images is not None
        return done.images

    def sent(self) -> list[str]:
        """Return the digest of each blob that went over the wire."""
        puts = self.registry.requests.select(method="PUT", path="/uploads/")
        return [
            query.rpartition("digest=")[2].replace("%3A", ":") for query in (e.query for e in puts)
        ]

    def holds(self, repository: str, tag: str = "v1.34.1") -> bool:
        return self.registry.content.find(repository, tag) is not None

    def without_factory(self) -> Lock:
        """Return the lock of the site as it was before it had a factory."""
        images = {key: pin for key, pin in self.lock.images.items() if key != READ}
        inputs = self.lock.inputs.model_copy(update={"image_factory": "none"})
        return self.lock.model_copy(update={"images": images, "inputs": inputs})


@pytest.fixture
def scene(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store, tmp_path: Path
) -> Iterator[Scene]:
    plain = upstream.lock()
    read = plain.images[READ].model_copy(
        update={"need": "talos", "needed_by": (f"image factory for {VERSION}",)}
    )
    inputs = plain.inputs.model_copy(update={"image_factory": "existing v1.5.0"})
    lock = plain.model_copy(update={"inputs": inputs, "images": {**plain.images, READ: read}})
    fetch_site(lock, registries=registries, releases=origins, store=store)
    (tmp_path / "web").mkdir()
    with Registry(deletes=True) as registry, WebDirectory(tmp_path / "web") as web:
        site = Site(
            schema_version=1,
            talos=Talos(versions=(VERSION,)),
            registry=SiteRegistry(kind="existing", endpoints=(Endpoint(url=registry.url),)),
            asset_mirror=AssetMirror(
                kind="directory", url=web.mirror_url, path=str(tmp_path / "web")
            ),
            image_factory=ImageFactory(kind="existing", version="v1.5.0"),
            sidero=Sidero(version="v0.6.13"),
        )
        yield Scene(site=site, lock=lock, store=store, registry=registry, upstream=upstream)
    assert registry.crashes == []


def test_no_byte_is_sent_twice_and_the_second_place_is_whole(scene: Scene) -> None:
    done = scene.mirror()
    image = scene.upstream.images[READ]
    sent = scene.sent()
    assert len(sent) == len(set(sent))
    assert {digest_of(blob) for blob in image.blobs} <= set(sent)
    for place in (OWN, FACTORYS):
        root = scene.registry.content.find(place, "v1.34.1")
        assert root is not None
        assert root.raw == image.index
        assert all(scene.registry.content.has_blob(place, digest_of(blob)) for blob in image.blobs)
    assert not scene.holds("pause", "3.10"), "only what the factory reads is there twice"
    assert (done.pushed, done.present) == (4, 0)


def test_a_receipt_states_both_places_and_what_is_missing_at_one(scene: Scene) -> None:
    label = "ghcr.io/siderolabs/kubelet:v1.34.1"
    digest = scene.lock.images[READ].digest
    scene.mirror()
    assert scene.registry.content.untag(FACTORYS, "v1.34.1")
    images, factory_images = held_images(scene.site, scene.lock)
    assert images[label] == HeldImage(digest=digest)
    assert factory_images == {label: Altered(fault="missing")}
    told = Receipt(
        site="berlin",
        lock=lock_digest(scene.lock),
        made_at="2026-11-30T16:00:00Z",
        tool="0",
        checked="quick",
        images=dict(images),
        factory_images=dict(factory_images),
    )
    differences = compare_receipt(told, scene.lock).differences
    assert [(item.how, item.kind) for item in differences if item.kind != "boot asset"] == [
        ("missing", "factory image")
    ]


def test_the_estimate_knows_that_it_is_mounted(scene: Scene) -> None:
    before = estimate_site("berlin", scene.site, scene.lock, store=scene.store, retry=IMPATIENT)
    second = before.sets["berlin/factory-artifacts"]
    assert (second.missing, second.send_bytes) == (1, 0)
    assert second.mounts == len({digest_of(blob) for blob in scene.upstream.images[READ].blobs})
    done = scene.mirror()
    assert (
        before.send_bytes
        - sum(each.send_bytes for name, each in before.sets.items() if "talos-" in name)
        == done.moved_bytes
    )
    again = scene.mirror()
    assert (again.pushed, again.moved_bytes, again.mounted) == (0, 0, 0)


def test_whichever_place_is_filled_first_the_other_mounts(scene: Scene) -> None:
    """The sets of a stack are operations of their own."""
    places = image_places(scene.site, scene.lock, name="berlin")
    for destination, sets in reversed(places.items()):
        root = ledger_root(scene.store.root)
        with connect(destination, retry=IMPATIENT) as client:
            push_sets(
                StoreContent(scene.store),
                client,
                destination,
                sets,
                Ledger(root, destination.identity),
                twin=Ledger(root, destination.twin.identity),
            )
    sent = scene.sent()
    assert len(sent) == len(set(sent))
    assert scene.holds(OWN)
    assert scene.holds(FACTORYS)


def test_a_place_that_lost_its_blobs_is_filled_by_sending(scene: Scene) -> None:
    """A mount that the registry does not do is an upload (distribution v1.1, 202)."""
    scene.mirror()
    image = scene.upstream.images[READ]
    for place in (OWN, FACTORYS):
        scene.registry.content.remove_manifest(place, image.digest)
        for blob in image.blobs:
            scene.registry.content.remove_blob(place, digest_of(blob))
    again = scene.mirror()
    assert again.pushed == 2
    assert scene.holds(FACTORYS)
    assert all(scene.registry.content.has_blob(FACTORYS, digest_of(each)) for each in image.blobs)


def test_verify_looks_at_both_places(scene: Scene) -> None:
    scene.mirror()
    assert verify_site(scene.site, scene.lock, store_root=scene.store.root) == ()
    scene.registry.content.remove_manifest(FACTORYS, scene.upstream.images[READ].digest)
    problems = verify_site(scene.site, scene.lock, store_root=scene.store.root)
    assert [str(problem) for problem in problems] == [f"registry: {READ}: missing"]


def test_prune_keeps_what_the_lock_has_a_factory_read(scene: Scene) -> None:
    scene.mirror()
    root = scene.store.root
    assert prune_site(scene.site, keep=[scene.lock], store_root=root) == ()
    scene.lock = scene.without_factory()
    scene.mirror()  # releases what the site no longer names
    removals = prune_site(scene.site, keep=[scene.lock], store_root=root)
    assert {(removal.item, removal.outcome) for removal in removals} == {(READ, "removed")}
    assert len(removals) == 2
    assert not scene.holds(OWN)
    assert not scene.holds(FACTORYS)
