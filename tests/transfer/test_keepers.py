"""Images that are locked by digest alone have a tag of ours: clean-ups remove what has none.

distribution: `garbage-collect --delete-untagged`; Harbor: tag retention.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from airgap.errors import TransferError
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.store import Store
from airgap.transfer.destination import ImageItem, RegistryDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.prune import Removal, remove_images
from airgap.transfer.push import connect, push_images, read_images
from airgap.transfer.wanted import images_of
from lab.registry import Registry
from tests.practice_images import make_image
from tests.transfer.conftest import IMPATIENT, Upstream

KUBELET = "ghcr.io/siderolabs/kubelet"


class Scene:
    """A registry with one image by digest alone, and the same with its tag."""

    def __init__(self, registry: Registry, store: Store, tagged: ImageItem) -> None:
        self.registry = registry
        self.store = store
        self.tagged = tagged
        self.bare = replace(tagged, tag="")
        self.keeper = f"digest-{tagged.digest.hex[:16]}"
        self.destination = RegistryDestination(kind="existing", endpoint=registry.url)
        self.ledger = Ledger(ledger_root(store.root), self.destination.identity)
        self.client = connect(self.destination, retry=IMPATIENT)

    def push(self, *items: ImageItem, name: str = "berlin/workloads") -> tuple[int, int]:
        done = push_images(self.store, self.client, self.destination, name, items, self.ledger)
        return done.present, done.pushed

    def prune(self, *items: ImageItem) -> tuple[Removal, ...]:
        keys = [item.key for item in items]
        return remove_images(self.client, self.destination, self.ledger, keys)

    @property
    def tags(self) -> set[str]:
        repository = self.registry.content.repository(KUBELET)
        return set(repository.tags) if repository else set()


@pytest.fixture
def scene(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store
) -> Iterator[Scene]:
    fetch_site(upstream.lock(), registries=registries, releases=origins, store=store)
    (tagged,) = (item for item in images_of([upstream.lock()]) if item.name == KUBELET)
    with Registry(deletes=True) as registry:
        found = Scene(registry, store, tagged)
        yield found
        found.client.close()
    assert registry.crashes == []


def test_it_arrives_with_its_tag_and_is_found_by_either(scene: Scene) -> None:
    assert scene.push(scene.bare) == (0, 1)
    assert scene.tags == {scene.keeper}
    for reference in (scene.keeper, str(scene.bare.digest)):
        found = scene.client.head_manifest(KUBELET, reference)
        assert found is not None
        assert found.digest == scene.bare.digest
    assert scene.ledger.items() == {scene.bare.key: "made"}
    assert scene.push(scene.bare) == (1, 0)


def test_one_that_was_there_before_gets_the_tag_and_stays_somebody_elses(
    scene: Scene, upstream: Upstream
) -> None:
    upstream.images[f"{KUBELET}:v1.34.1"].put(scene.registry.content, KUBELET, "theirs")
    assert scene.push(scene.bare) == (1, 0)
    assert scene.tags == {"theirs", scene.keeper}
    assert scene.ledger.items() == {scene.bare.key: "found"}
    scene.ledger.release("berlin/workloads")
    assert scene.prune(scene.bare) == ()
    assert scene.tags == {"theirs", scene.keeper}


def test_a_tag_that_was_taken_away_is_drift_and_the_next_run_gives_it_back(scene: Scene) -> None:
    scene.push(scene.bare)
    scene.registry.content.untag(KUBELET, scene.keeper)
    seen = read_images(scene.client, scene.destination, [scene.bare])
    assert seen == {scene.bare.key: None}
    scene.registry.requests.clear()
    assert scene.push(scene.bare) == (1, 0)
    assert scene.tags == {scene.keeper}
    assert scene.ledger.items() == {scene.bare.key: "made"}
    assert scene.registry.requests.select(method="PUT", path="/uploads/") == []


def test_a_store_that_is_served_is_asked_for_the_digest(scene: Scene) -> None:
    """Nothing is ever cleaned up there, and nothing written."""
    served = replace(scene.destination, kind="embedded")
    assert served.reference(scene.bare) == str(scene.bare.digest)
    assert served.reference(scene.tagged) == "v1.34.1"


def test_somebody_elses_tag_of_that_name_is_an_error(scene: Scene) -> None:
    make_image("another").put(scene.registry.content, KUBELET, scene.keeper)
    with pytest.raises(TransferError, match="the tag is there with sha256:"):
        scene.push(scene.bare)


def test_it_goes_with_its_image(scene: Scene) -> None:
    scene.push(scene.bare)
    scene.ledger.release("berlin/workloads")
    assert [removal.outcome for removal in scene.prune(scene.bare)] == ["removed"]
    assert scene.tags == set()
    assert scene.registry.content.find(KUBELET, str(scene.bare.digest)) is None
    assert scene.ledger.items() == {}


def test_it_does_not_keep_an_image_from_being_pruned_by_its_own_tag(scene: Scene) -> None:
    """Both names of one manifest are ours, and go."""
    scene.push(scene.bare, scene.tagged)
    scene.ledger.release("berlin/workloads")
    removals = scene.prune(scene.bare, scene.tagged)
    assert [removal.outcome for removal in removals] == ["removed", "removed"]
    assert scene.tags == set()


@pytest.mark.parametrize("goes", ["bare", "tagged"])
def test_one_name_goes_and_the_other_keeps_the_image(scene: Scene, goes: str) -> None:
    scene.push(scene.bare, name="berlin/bare")
    scene.push(scene.tagged, name="berlin/tagged")
    scene.ledger.release(f"berlin/{goes}")
    left = {"bare": "v1.34.1", "tagged": scene.keeper}[goes]
    doomed = {"bare": scene.bare, "tagged": scene.tagged}[goes]
    assert [removal.outcome for removal in scene.prune(doomed)] == ["removed"]
    assert scene.tags == {left}
