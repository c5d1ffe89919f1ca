"""Verify names what is damaged and who needs it; collect removes only what nothing needs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from airgap.digest import Digest
from airgap.errors import IntegrityError
from airgap.store import Checked, Store, StoredAsset

if TYPE_CHECKING:
    from tests.store.conftest import Image

KUBELET = "ghcr.io/siderolabs/kubelet:v1.34.1"
NGINX = "docker.io/library/nginx:1.27.3"
KERNEL = b"kernel " * 1000


@pytest.fixture
def filled(store: Store, image: Image) -> Store:
    store.name({KUBELET: image.index, NGINX: image.manifests[0]})
    store.put(KERNEL)
    store.add_asset("v1.11.5/vmlinuz-amd64", kernel_asset())
    return store


def kernel_asset(sha512_of: bytes = KERNEL) -> StoredAsset:
    return StoredAsset(
        sha256=Digest("sha256", hashlib.sha256(KERNEL).hexdigest()),
        sha512=Digest("sha512", hashlib.sha512(sha512_of).hexdigest()),
        size=len(KERNEL),
        origin="https://example.invalid/vmlinuz-amd64",
    )


def rewrite(store: Store, digest: Digest, data: bytes) -> None:
    path = store.blob_path(digest)
    path.chmod(0o644)
    path.write_bytes(data)


def test_sound_store_has_no_damage(filled: Store) -> None:
    assert filled.verify() == ()


def test_missing_blob_names_all_who_need_it(filled: Store, image: Image) -> None:
    filled.blob_path(image.blobs[0].digest).unlink()
    (damage,) = filled.verify()
    assert (damage.digest, damage.kind) == (image.blobs[0].digest, "missing")
    assert damage.needed_by == (NGINX, KUBELET)


def test_flipped_bit_is_altered(filled: Store, image: Image) -> None:
    digest = image.blobs[3].digest
    data = bytearray(filled.read(digest))
    data[0] ^= 1
    rewrite(filled, digest, bytes(data))
    (damage,) = filled.verify()
    assert (damage.digest, damage.kind, damage.needed_by) == (digest, "altered", (KUBELET,))
    assert damage.path == filled.blob_path(digest)


def test_shorter_blob_is_truncated_and_longer_is_altered(filled: Store, image: Image) -> None:
    rewrite(filled, image.blobs[3].digest, b"fi")
    rewrite(filled, kernel_asset().sha256, KERNEL + b"tail")
    found = {damage.digest: (damage.kind, damage.needed_by) for damage in filled.verify()}
    assert found == {
        image.blobs[3].digest: ("truncated", (KUBELET,)),
        kernel_asset().sha256: ("altered", ("v1.11.5/vmlinuz-amd64",)),
    }


def test_altered_manifest_is_found_and_the_rest_still_verified(filled: Store, image: Image) -> None:
    rewrite(filled, image.index.digest, b"{" + b" " * (image.index.size - 2) + b"}")
    filled.blob_path(kernel_asset().sha256).unlink()
    kinds = {damage.digest: damage.kind for damage in filled.verify()}
    assert kinds == {image.index.digest: "altered", kernel_asset().sha256: "missing"}


def test_wrong_sha512_of_an_asset_is_found(store: Store) -> None:
    store.put(KERNEL)
    store.add_asset("v1.11.5/vmlinuz-amd64", kernel_asset(sha512_of=b"another"))
    (damage,) = store.verify()
    assert damage.kind == "altered"
    assert hashlib.sha512(KERNEL).hexdigest() in damage.detail


def test_progress_ends_at_the_total(filled: Store) -> None:
    seen: list[Checked] = []
    filled.verify(report=seen.append)
    assert seen[-1].done_bytes == seen[-1].total_bytes == sum(event.size for event in seen)
    assert len({event.digest for event in seen}) == len(seen) == 10  # 7 + asset, config, manifest


def test_collect_removes_only_what_nothing_names(
    filled: Store, image: Image, another_image: Callable[[str], Image]
) -> None:
    orphan = another_image("second")
    everything = {orphan.index, *orphan.manifests, *orphan.blobs}
    assert set(filled.orphans()) == {part.digest for part in everything}
    would = filled.collect(dry_run=True)
    assert filled.has(orphan.index.digest)
    done = filled.collect()
    assert done == would
    assert set(done.removed) == {part.digest for part in everything}
    assert done.freed_bytes == sum(part.size for part in everything)
    assert filled.verify() == ()
    assert filled.orphans() == ()


def test_collect_keeps_what_a_lock_names(
    filled: Store, another_image: Callable[[str], Image]
) -> None:
    kept, dropped = another_image("second"), another_image("third")
    loose = filled.put(b"a boot asset that is not named yet")
    filled.collect([kept.index.digest, loose, Digest("sha256", "0" * 64)])
    assert all(filled.has(part.digest) for part in (kept.index, *kept.manifests, *kept.blobs))
    assert filled.has(loose)
    assert not filled.has(dropped.index.digest)


def test_collect_removes_nothing_when_a_manifest_is_bad(
    filled: Store, image: Image, another_image: Callable[[str], Image]
) -> None:
    orphan = another_image("second")
    rewrite(filled, image.manifests[1].digest, b"{}")
    with pytest.raises(IntegrityError):
        filled.collect()
    assert filled.has(image.blobs[3].digest)
    assert filled.has(orphan.index.digest)
