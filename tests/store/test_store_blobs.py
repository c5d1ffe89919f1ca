"""Nothing enters the store unverified; nothing partial stays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.digest import Digest
from airgap.errors import IntegrityError, PublishError
from airgap.oci.manifest import Descriptor
from airgap.store import Reception, Store, hash_file

Describe = Callable[[str, bytes], Descriptor]

# FIPS 180-4 examples (NIST CSRC, "SHA256.pdf", "SHA512.pdf"): the message "abc".
ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
ABC_SHA512 = (
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
)


def files_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_digests_are_those_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    found = hash_file(tmp_path / "abc", also_sha512=True)
    assert (found.sha256.hex, found.size) == (ABC_SHA256, 3)
    assert found.sha512 is not None
    assert found.sha512.hex == ABC_SHA512
    assert hash_file(tmp_path / "abc").sha512 is None


def test_file_larger_than_the_buffer_hashes_whole(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000 + b"tail"
    (tmp_path / "big").write_bytes(data)
    assert hash_file(tmp_path / "big").sha256.hex == hashlib.sha256(data).hexdigest()


def test_written_blob_lies_read_only_under_its_digest(store: Store) -> None:
    descriptor = Descriptor(
        media_type="application/octet-stream", digest=Digest("sha256", ABC_SHA256), size=3
    )
    with store.receive(descriptor, also_sha512=True) as reception:
        reception.write(0, memoryview(b"a"))
        assert not store.has(descriptor.digest)
        reception.write(1, b"bc")
        assert reception.digests.sha512 == Digest("sha512", ABC_SHA512)
    path = store.root / "blobs" / "sha256" / ABC_SHA256
    assert path.read_bytes() == b"abc"
    assert path.stat().st_mode & 0o777 == 0o444
    assert store.read(descriptor.digest) == b"abc"
    assert store.size(descriptor.digest) == 3


def test_sha512_is_not_computed_unasked(store: Store, descriptor_of: Describe) -> None:
    with store.receive(descriptor_of("application/octet-stream", b"abc")) as reception:
        reception.write(0, b"abc")
        assert reception.digests.sha512 is None


@pytest.mark.parametrize("sent", [b"abd", b"ab", b"", b"abcd", b"x" * 1_000_000])
def test_wrong_bytes_leave_nothing(store: Store, descriptor_of: Describe, sent: bytes) -> None:
    before = files_below(store.root)
    descriptor = descriptor_of("application/octet-stream", b"abc")
    with pytest.raises(IntegrityError), store.receive(descriptor) as reception:
        reception.write(0, sent)
    assert files_below(store.root) == before


def receive_half(store: Store, descriptor: Descriptor) -> None:
    with store.receive(descriptor) as reception:
        reception.write(0, b"ab")
        raise ConnectionResetError


def test_failed_transfer_leaves_nothing(store: Store, descriptor_of: Describe) -> None:
    before = files_below(store.root)
    descriptor = descriptor_of("application/octet-stream", b"abc")
    with pytest.raises(ConnectionResetError):
        receive_half(store, descriptor)
    assert files_below(store.root) == before


def test_restarted_transfer_counts_from_nothing(store: Store, descriptor_of: Describe) -> None:
    descriptor = descriptor_of("application/octet-stream", b"abc")
    with store.receive(descriptor) as reception:
        reception.write(0, b"xy")
        assert reception.missing() == ((2, 3),)
        reception.restart()
        assert reception.missing() == ((0, 3),)
        reception.write(0, b"abc")
    assert store.read(descriptor.digest) == b"abc"


def test_unknown_size_is_accepted_with_the_right_digest(store: Store) -> None:
    descriptor = Descriptor(media_type="x", digest=Digest("sha256", ABC_SHA256), size=-1)
    with store.receive(descriptor) as reception:
        reception.write(0, b"abc")
    assert store.has(descriptor.digest)


def test_sha512_digest_is_verified_too(store: Store) -> None:
    descriptor = Descriptor(media_type="x", digest=Digest("sha512", ABC_SHA512), size=3)
    with pytest.raises(IntegrityError), store.receive(descriptor) as reception:
        reception.write(0, b"abd")
    with store.receive(descriptor) as reception:
        reception.write(0, b"abc")
    assert store.read(descriptor.digest) == b"abc"
    assert store.is_intact(descriptor.digest)


def test_asset_known_by_its_sha512_lies_under_its_sha256(store: Store) -> None:
    with store.receive_asset(Digest("sha512", ABC_SHA512), max_bytes=10) as reception:
        reception.write(0, b"abc")
    assert store.has(Digest("sha256", ABC_SHA256))
    assert not store.has(Digest("sha512", ABC_SHA512))
    assert reception.digests.sha512 == Digest("sha512", ABC_SHA512)
    assert reception.digests.size == 3


def test_asset_with_another_sha512_leaves_nothing(store: Store) -> None:
    before = files_below(store.root)
    expected = Digest("sha512", ABC_SHA512)
    with (
        pytest.raises(IntegrityError, match=ABC_SHA512),
        store.receive_asset(expected, max_bytes=10) as reception,
    ):
        reception.write(0, b"abd")
    assert files_below(store.root) == before


def write_all(reception: Reception, parts: list[bytes]) -> None:
    offset = 0
    for part in parts:
        reception.write(offset, part)
        offset += len(part)


def test_asset_is_bounded(store: Store) -> None:
    before = files_below(store.root)
    with (
        pytest.raises(IntegrityError, match="more than the 10 bytes"),
        store.receive_asset(Digest("sha512", ABC_SHA512), max_bytes=10) as reception,
    ):
        write_all(reception, [b"abcdefgh", b"abcdefgh"])
    assert files_below(store.root) == before


def test_put_refuses_other_bytes(store: Store) -> None:
    with pytest.raises(IntegrityError):
        store.put(b"abd", expected=Digest("sha256", ABC_SHA256))
    assert store.put(b"abc", expected=Digest("sha256", ABC_SHA256)).hex == ABC_SHA256


def damage(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def test_altered_blob_is_not_read(store: Store) -> None:
    digest = store.put(b"abc")
    damage(store.blob_path(digest), b"abd")
    assert not store.is_intact(digest)
    with pytest.raises(IntegrityError) as caught:
        store.read(digest)
    assert "--rehash" in caught.value.diagnostics()


def test_put_and_write_repair_an_altered_blob(store: Store, descriptor_of: Describe) -> None:
    digest = store.put(b"abc")
    damage(store.blob_path(digest), b"abd")
    store.put(b"abc")
    assert store.read(digest) == b"abc"
    damage(store.blob_path(digest), b"abd")
    with store.receive(descriptor_of("x", b"abc")) as reception:
        reception.write(0, b"abc")
    assert store.read(digest) == b"abc"


def test_reading_is_bounded(store: Store) -> None:
    digest = store.put(b"abc")
    with pytest.raises(IntegrityError, match="more than 2 bytes"):
        store.read(digest, max_bytes=2)


def test_absent_blob_names_fetch(store: Store) -> None:
    absent = Digest("sha256", ABC_SHA256)
    assert not store.has(absent)
    assert not store.is_intact(absent)
    for call in (store.read, store.size, store.manifest):
        with pytest.raises(PublishError) as caught:
            call(absent)
        assert "fetch" in caught.value.diagnostics()
