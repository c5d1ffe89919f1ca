"""What a store lists, and what `retain` leaves of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from airgap.digest import Digest
from airgap.errors import IntegrityError
from airgap.store import Listed, Store, StoredAsset

if TYPE_CHECKING:
    from tests.store.conftest import Image

KUBELET = "ghcr.io/siderolabs/kubelet:v1.34.1"
NGINX = "docker.io/library/nginx:1.27.3"
ETCD = "registry.k8s.io/etcd:3.6.5"
KERNEL = b"kernel " * 1000
KEY = "v1.11.5/vmlinuz-amd64"


def kernel() -> StoredAsset:
    return StoredAsset(
        sha256=Digest("sha256", hashlib.sha256(KERNEL).hexdigest()),
        sha512=Digest("sha512", hashlib.sha512(KERNEL).hexdigest()),
        size=len(KERNEL),
        origin="https://example.invalid/vmlinuz-amd64",
    )


@pytest.fixture
def filled(store: Store, image: Image, another_image: Callable[[str], Image]) -> Store:
    """An index; one of its platforms under another name; another index; a boot asset."""
    etcd = another_image("etcd")
    store.name({KUBELET: image.index, NGINX: image.manifests[0], ETCD: etcd.index})
    store.put(KERNEL)
    store.add_asset(KEY, kernel())
    return store


def listed(store: Store) -> dict[str, Listed]:
    return {item.name: item for item in store.inventory().items}


def total(*parts: object) -> int:
    return sum(part.size for part in parts)  # type: ignore[attr-defined]  # descriptors


def test_sizes_count_each_blob_once(filled: Store, image: Image) -> None:
    items = listed(filled)
    everything = total(image.index, *image.manifests, *image.blobs)
    platform = total(image.manifests[0], *image.blobs[:2])
    assert items[KUBELET].size_bytes == everything
    assert items[NGINX].size_bytes == platform
    assert items[KUBELET].own_bytes == everything - platform
    assert items[NGINX].own_bytes == 0


def test_sharing_is_told_on_both_sides(filled: Store) -> None:
    items = listed(filled)
    assert items[KUBELET].shares_with == (NGINX,)
    assert items[NGINX].shares_with == (KUBELET,)
    assert items[ETCD].shares_with == ()
    assert items[KEY].shares_with == ()


def test_kinds_and_platforms(filled: Store) -> None:
    items = listed(filled)
    assert [items[name].kind for name in (KUBELET, NGINX, KEY)] == ["index", "image", "asset"]
    assert items[KUBELET].platforms == ("linux/amd64", "linux/arm64")


def test_assets_do_not_share_what_every_artifact_has(filled: Store) -> None:
    filled.put(b"initramfs")
    other = StoredAsset(
        sha256=Digest("sha256", hashlib.sha256(b"initramfs").hexdigest()),
        sha512=Digest("sha512", hashlib.sha512(b"initramfs").hexdigest()),
        size=9,
        origin="https://example.invalid/initramfs",
    )
    filled.add_asset("v1.11.5/initramfs-amd64.xz", other)
    assert listed(filled)[KEY].shares_with == ()


def test_totals_are_those_of_the_disk(filled: Store) -> None:
    filled.put(b"orphan")
    blobs = (filled.root / "blobs" / "sha256").iterdir()
    found = filled.inventory()
    assert found.blob_bytes == sum(path.stat().st_size for path in blobs)
    assert found.orphan_bytes == len(b"orphan")
    assert found.partial_bytes == 0


def test_damaged_image_is_listed_with_its_fault(filled: Store, image: Image) -> None:
    filled.blob_path(image.blobs[3].digest).unlink()
    items = listed(filled)
    assert image.blobs[3].digest.hex in items[KUBELET].fault
    assert items[NGINX].fault == ""


def test_retain_keeps_what_the_digests_name(filled: Store, image: Image) -> None:
    collected = filled.retain([image.manifests[0].digest, kernel().sha256])
    assert set(collected.forgotten) == {KUBELET, ETCD}
    assert set(filled.names()) == {NGINX}
    assert set(filled.assets()) == {KEY}
    assert filled.verify() == ()
    assert image.index.digest in collected.removed
    assert not filled.has(image.manifests[1].digest)
    assert filled.orphans() == ()


def test_retain_keeps_content_that_has_no_name_yet(filled: Store, image: Image) -> None:
    filled.forget([KUBELET, NGINX])
    filled.retain([image.index.digest, kernel().sha256])
    assert all(filled.has(part.digest) for part in (image.index, *image.manifests, *image.blobs))


def test_retain_only_tells_when_asked_to(filled: Store, image: Image) -> None:
    keep = [image.manifests[0].digest]
    before = filled.inventory()
    would = filled.retain(keep, dry_run=True)
    assert filled.inventory() == before
    assert filled.retain(keep) == would
    assert set(would.forgotten) == {KUBELET, ETCD, KEY}


def test_retain_stops_at_a_manifest_that_cannot_be_read(filled: Store, image: Image) -> None:
    path = filled.blob_path(image.manifests[0].digest)
    path.chmod(0o644)
    path.write_bytes(b"{}")
    blobs = set(filled.blobs.every())
    with pytest.raises(IntegrityError):
        filled.retain([image.manifests[0].digest])
    assert set(filled.blobs.every()) == blobs
