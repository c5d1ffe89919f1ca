"""Store → registry: mount before send, nothing twice, the ledger as the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airgap.digest import Digest
from airgap.errors import PublishError, TransferError
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.store import Store
from airgap.transfer.destination import ImageItem, RegistryDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.prune import remove_images
from airgap.transfer.push import connect, push_images, read_images
from airgap.transfer.wanted import images_of
from lab.registry import Registry
from tests.practice_images import digest_of, make_image
from tests.transfer.conftest import IMPATIENT, SHARED, Upstream

PAUSE = "registry.k8s.io/pause"
ETCD = "registry.k8s.io/etcd"
KUBELET = "ghcr.io/siderolabs/kubelet"


class Site:
    """A site's registry with what it takes to push to it."""

    def __init__(self, registry: Registry, store: Store, **more: object) -> None:
        self.registry = registry
        self.store = store
        self.destination = RegistryDestination(
            kind="existing",
            endpoint=registry.url,
            **more,  # type: ignore[arg-type]  # given by tests
        )
        self.ledger = Ledger(ledger_root(store.root), self.destination.identity)
        self.client = connect(self.destination, retry=IMPATIENT)

    def push(self, items: tuple[ImageItem, ...], set_name: str = "kubernetes") -> tuple[int, int]:
        done = push_images(self.store, self.client, self.destination, set_name, items, self.ledger)
        return done.present, done.pushed

    def how(self) -> dict[str, str]:
        return {ImageItem.parse(key).name: how for key, how in self.ledger.items().items()}


@pytest.fixture
def full_store(upstream: Upstream, registries: Registries, origins: Origins, store: Store) -> Store:
    fetch_site(upstream.lock(), registries=registries, releases=origins, store=store)
    return store


@pytest.fixture
def items(upstream: Upstream) -> tuple[ImageItem, ...]:
    return images_of([upstream.lock()])


@pytest.fixture
def site(full_store: Store) -> Iterator[Site]:
    with Registry(deletes=True) as registry:
        found = Site(registry, full_store)
        yield found
        found.client.close()
    assert registry.crashes == []


def named(items: tuple[ImageItem, ...], *names: str) -> tuple[ImageItem, ...]:
    return tuple(item for item in items if item.name in names)


def test_images_arrive_whole_below_their_upstream_host(
    site: Site, items: tuple[ImageItem, ...], upstream: Upstream
) -> None:
    assert site.push(items) == (0, 3)
    for key, image in upstream.images.items():
        repository, _, tag = key.rpartition(":")
        assert site.client.manifest(repository, tag).raw == image.index
        for child in image.children:
            assert site.client.manifest(repository, digest_of(child)).raw == child
        for blob in image.blobs:
            assert site.registry.content.has_blob(repository, digest_of(blob))
            assert site.registry.content.pool.read(digest_of(blob)) == blob
    assert set(site.how().values()) == {"made"}
    assert site.ledger.named() == {item.key for item in items}
    assert site.registry.uploads.open_sessions == 0


def test_shared_blob_is_sent_once_and_mounted(site: Site, items: tuple[ImageItem, ...]) -> None:
    site.push(items)
    sent = [e.query for e in site.registry.requests.select(method="PUT", path="/uploads/")]
    wanted = digest_of(SHARED).replace(":", "%3A")
    assert len([query for query in sent if wanted in query]) == 1
    mounts = [
        e for e in site.registry.requests.select(method="POST") if f"mount={wanted}" in e.query
    ]
    assert [e.status for e in mounts] == [201]


def test_second_push_costs_one_head_an_image(site: Site, items: tuple[ImageItem, ...]) -> None:
    site.push(items)
    site.registry.requests.clear()
    assert site.push(items) == (3, 0)
    assert [e.method for e in site.registry.requests] == ["HEAD"] * 3


def test_later_set_mounts_what_an_earlier_one_brought(
    site: Site, items: tuple[ImageItem, ...]
) -> None:
    site.push(named(items, PAUSE), "one")
    site.registry.requests.clear()
    site.push(named(items, ETCD), "two")
    sent = [e.query for e in site.registry.requests.select(method="PUT", path="/uploads/")]
    assert not any(digest_of(SHARED).replace(":", "%3A") in query for query in sent)


def test_what_was_there_is_found_and_never_removed(
    site: Site, items: tuple[ImageItem, ...], upstream: Upstream
) -> None:
    upstream.images[f"{PAUSE}:3.10"].put(site.registry.content, PAUSE, "3.10")
    assert site.push(items) == (1, 2)
    assert site.how() == {PAUSE: "found", ETCD: "made", KUBELET: "made"}
    gone = site.ledger.release("kubernetes")
    remove_images(site.client, site.destination, site.ledger, gone)
    assert site.registry.content.find(PAUSE, "3.10") is not None
    assert site.registry.content.find(ETCD, "3.6.5") is None


def test_taken_tag_is_an_error_and_the_others_are_pushed(
    site: Site, items: tuple[ImageItem, ...]
) -> None:
    other = make_image("somebody else's")
    other.put(site.registry.content, PAUSE, "3.10")
    with pytest.raises(TransferError, match="the tag is there with sha256:") as caught:
        site.push(items)
    assert [item for item, _ in caught.value.failures] == [f"{PAUSE}:3.10"]
    assert "registry.overwrite: true" in caught.value.diagnostics()
    found = site.registry.content.find(PAUSE, "3.10")
    assert found is not None
    assert str(found.digest) == other.digest
    assert site.how() == {ETCD: "made", KUBELET: "made"}
    assert site.ledger.named() == set()


def test_tag_of_ours_that_was_moved_is_repaired(site: Site, items: tuple[ImageItem, ...]) -> None:
    site.push(items)
    make_image("somebody else's").put(site.registry.content, PAUSE, "3.10")
    assert site.push(items) == (2, 1)
    observed = read_images(site.client, site.destination, items)
    assert observed == {item.key: item.digest for item in items}


def test_tag_that_was_only_found_is_not_ours_to_move(
    site: Site, items: tuple[ImageItem, ...], upstream: Upstream
) -> None:
    upstream.images[f"{PAUSE}:3.10"].put(site.registry.content, PAUSE, "3.10")
    site.push(items)
    make_image("somebody else's").put(site.registry.content, PAUSE, "3.10")
    with pytest.raises(TransferError, match="the tag is there with"):
        site.push(items)


def test_taken_tag_moves_when_the_site_says_overwrite(
    full_store: Store, items: tuple[ImageItem, ...]
) -> None:
    with Registry() as registry:
        site = Site(registry, full_store, overwrite=True)
        make_image("somebody else's").put(registry.content, PAUSE, "3.10")
        site.push(items)
        observed = read_images(site.client, site.destination, items)
        site.client.close()
    assert observed == {item.key: item.digest for item in items}


@pytest.mark.parametrize(
    ("more", "repository"),
    [
        ({"path_prefix": "proxy"}, "proxy/registry.k8s.io/pause"),
        ({"layout": "flat"}, "pause"),
        ({"layout": "flat", "path_prefix": "a/b"}, "a/b/pause"),
    ],
)
def test_layout_and_prefix_decide_the_repository(
    full_store: Store, items: tuple[ImageItem, ...], more: dict[str, str], repository: str
) -> None:
    with Registry() as registry:
        site = Site(registry, full_store, **more)
        site.push(named(items, PAUSE))
        site.client.close()
        assert registry.content.names == [repository]


def test_tag_appears_only_when_all_below_it_is_there(
    site: Site, items: tuple[ImageItem, ...]
) -> None:
    site.push(named(items, KUBELET))
    puts = [e.path for e in site.registry.requests.select(method="PUT")]
    assert puts[-1].endswith("/manifests/v1.34.1")
    first_manifest = next(i for i, path in enumerate(puts) if "/manifests/" in path)
    assert all("/manifests/" in path for path in puts[first_manifest:])


def test_half_made_image_is_completed_and_counts_as_ours(
    site: Site, items: tuple[ImageItem, ...]
) -> None:
    site.registry.faults.add("/manifests/v1.34.1", method="PUT", times=None, status=403)
    with pytest.raises(TransferError):
        site.push(items)
    assert site.how()[KUBELET] == "making"
    site.registry.faults.clear()
    assert site.push(items) == (2, 1)
    assert set(site.how().values()) == {"made"}


def test_pushed_but_unrecorded_image_is_ours_after_a_kill(
    site: Site, items: tuple[ImageItem, ...]
) -> None:
    """The process dies between the last byte and the ledger's mark."""
    site.push(items)
    site.ledger.mark(making=[items[0].key])
    site.push(items)
    assert set(site.how().values()) == {"made"}


def test_missing_blob_names_fetch(site: Site, items: tuple[ImageItem, ...]) -> None:
    site.store.blob_path(Digest.parse(digest_of(SHARED))).unlink()
    with pytest.raises(TransferError) as caught:
        site.push(items)
    assert "python -m airgap fetch" in caught.value.diagnostics()
    assert {item for item, _ in caught.value.failures} == {f"{PAUSE}:3.10", f"{ETCD}:3.6.5"}


def test_read_tells_missing_and_moved(site: Site, items: tuple[ImageItem, ...]) -> None:
    site.push(items)
    site.registry.content.untag(PAUSE, "3.10")
    child = site.client.manifest(ETCD, "3.6.5").children[0]
    site.registry.content.tag(ETCD, "3.6.5", str(child.digest))
    observed = {
        ImageItem.parse(key).name: digest
        for key, digest in read_images(site.client, site.destination, items).items()
    }
    kubelet = named(items, KUBELET)[0]
    assert observed == {PAUSE: None, ETCD: child.digest, KUBELET: kubelet.digest}


# Removal


def test_named_items_stay_whatever_is_asked(site: Site, items: tuple[ImageItem, ...]) -> None:
    site.push(items)
    keys = [item.key for item in items]
    assert remove_images(site.client, site.destination, site.ledger, keys) == ()


def test_dry_run_removes_nothing(site: Site, items: tuple[ImageItem, ...]) -> None:
    site.push(items)
    gone = site.ledger.release("kubernetes")
    told = remove_images(site.client, site.destination, site.ledger, gone, dry_run=True)
    assert [removal.outcome for removal in told] == ["would remove"] * 3
    observed = read_images(site.client, site.destination, items)
    assert observed == {item.key: item.digest for item in items}
    assert set(site.how().values()) == {"made"}


def test_registry_that_does_not_delete_is_reported(
    full_store: Store, items: tuple[ImageItem, ...]
) -> None:
    with Registry(deletes=False) as registry:
        site = Site(registry, full_store)
        site.push(items)
        gone = site.ledger.release("kubernetes")
        told = remove_images(site.client, site.destination, site.ledger, gone)
        site.client.close()
    assert [removal.outcome for removal in told] == ["refused"] * 3
    assert "405" in told[0].detail
    assert set(site.how().values()) == {"made"}, "still ours, for when deletes are allowed"


def test_manifest_with_somebody_elses_tag_stays(site: Site, items: tuple[ImageItem, ...]) -> None:
    site.push(items)
    pause = named(items, PAUSE)[0]
    site.registry.content.tag(PAUSE, "theirs", str(pause.digest))
    gone = site.ledger.release("kubernetes")
    remove_images(site.client, site.destination, site.ledger, gone)
    assert site.registry.content.find(PAUSE, "3.10") is None
    assert site.registry.content.find(PAUSE, "theirs") is not None


def test_two_tags_of_one_image_go_together(site: Site, items: tuple[ImageItem, ...]) -> None:
    """docker-registry 2.8 cannot delete a tag, only a manifest with all its tags."""
    pause = named(items, PAUSE)[0]
    twin = replace(pause, tag="3.10-twin")
    site.push((pause, twin))
    site.registry.faults.add(r"/manifests/3\.10", method="DELETE", times=None, status=400)
    gone = site.ledger.release("kubernetes")
    told = remove_images(site.client, site.destination, site.ledger, gone)
    assert [removal.outcome for removal in told] == ["removed", "removed"]
    assert site.client.tags(PAUSE) == ()


def test_tag_that_moved_since_stays(site: Site, items: tuple[ImageItem, ...]) -> None:
    site.push(items)
    other = make_image("somebody else's")
    other.put(site.registry.content, PAUSE, "3.10")
    gone = site.ledger.release("kubernetes")
    remove_images(site.client, site.destination, site.ledger, gone)
    found = site.registry.content.find(PAUSE, "3.10")
    assert found is not None
    assert str(found.digest) == other.digest


def test_prune_waits_for_no_transfer(site: Site, items: tuple[ImageItem, ...]) -> None:
    with (
        site.ledger.transferring(),
        pytest.raises(PublishError, match="another process"),
    ):
        remove_images(site.client, site.destination, site.ledger, [items[0].key])


def test_ledgers_of_other_destinations_are_apart(tmp_path: Path) -> None:
    one, two = (
        Ledger(tmp_path, RegistryDestination(kind="existing", endpoint=url).identity)
        for url in ("https://one.example", "https://two.example")
    )
    one.mark(making=["a@sha256:" + "0" * 64])
    assert two.items() == {}


def test_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "x")
    ledger.mark(making=["a"])
    ledger.path.chmod(0o644)
    text = ledger.path.read_text()
    ledger.path.write_text(text.replace('"ledgerVersion": 1', '"ledgerVersion": 2'))
    with pytest.raises(PublishError, match="version 1"):
        ledger.items()


def test_damaged_blob_of_the_store_is_named_with_what_mends_it(
    site: Site, items: tuple[ImageItem, ...]
) -> None:
    image = next(item for item in items if item.name == PAUSE)
    manifest = site.store.manifest(image.digest)
    while manifest.children:
        manifest = site.store.manifest(manifest.children[0].digest)
    blob = site.store.blob_path(manifest.blobs[-1].digest)
    blob.chmod(0o644)
    blob.write_bytes(bytes(byte ^ 1 for byte in blob.read_bytes()))
    with pytest.raises(TransferError) as caught:
        site.push((image,))
    assert "its bytes in the store have changed" in caught.value.diagnostics()
    assert "python -m airgap fetch <site> --rehash" in caught.value.diagnostics()
