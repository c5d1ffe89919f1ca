"""Our tar and gzip against Python's own readers: tarfile (POSIX) and gzip (RFC 1952)."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.imagecache.archive import archive_size, file_header, pack
from airgap.imagecache.stored import HEADER, checksum_of, cut_frames, stored_size, trailer
from airgap.imagecache.tree import Tree

_NAME = st.text("abcdef0123456789-._", min_size=1, max_size=120).filter(
    lambda name: name.strip(".") != ""
)
_PATHS = st.lists(_NAME, min_size=1, max_size=5).map(lambda names: "d/" + "/f".join(names))


def _tar(tree: Tree) -> bytes:
    return b"".join(bytes(piece) for piece in pack(tree))


def _gzip(data: bytes, pieces: list[bytes]) -> bytes:
    frames = list(cut_frames(pieces, len(data)))
    checksum = 0
    for frame in frames:
        checksum = checksum_of(frame, checksum)
    end = trailer(checksum, len(data))
    return b"".join((HEADER, *(bytes(frame.written) for frame in frames), end))


@pytest.mark.parametrize("count", [1, 99, 100, 101, 155, 156, 255])
def test_a_path_of_any_length_is_read_back(count: int) -> None:
    path = "/".join(["manifests", *["x" * count] * 3, "y" * count])
    tree = Tree(files={path: b"data"})
    with tarfile.open(fileobj=io.BytesIO(_tar(tree))) as archive:
        assert archive.getnames() == [*tree.all_directories(), path]
        file = archive.extractfile(path)
        assert file is not None
        assert file.read() == b"data"


def test_a_file_of_more_than_eight_gibibytes_says_its_size() -> None:
    """ustar has eleven octal digits: pax says what is more (POSIX.1-2001)."""
    size = 8 * 2**30 + 1
    header = io.BytesIO(file_header("blob/sha256-0", size) + b"\0" * 1024)
    with tarfile.open(fileobj=header) as archive:
        assert archive.next().size == size  # type: ignore[union-attr]


def test_entries_are_sorted_with_directories_first_and_say_nothing_of_who_made_them() -> None:
    """facts: only name, mode, size and type are set; 0755 and 0644; no slash at the end."""
    tree = Tree(files={"b/a/x": b"1", "b-c": b"2", "b/a-b": b"3"}, directories=frozenset({"e"}))
    data = _tar(tree)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == ["b", "b-c", "b/a", "b/a-b", "b/a/x", "e"]
    for member in members:
        assert (member.uid, member.gid, member.mtime, member.uname) == (0, 0, 0, "")
        assert member.mode == (0o755 if member.isdir() else 0o644)
    assert data[:2] == b"b\0"


@given(st.dictionaries(_PATHS, st.binary(max_size=2000), max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_tree_is_read_back_and_has_the_size_that_was_told(files: dict[str, bytes]) -> None:
    names = set(files)
    clean = {
        path: data
        for path, data in files.items()
        if not any(other.startswith(f"{path}/") for other in names)
    }
    tree = Tree(files=clean)
    data = _tar(tree)
    assert len(data) == archive_size(tree)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        read = {
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive.getmembers()
            if member.isfile()
        }
    assert read == clean


@pytest.mark.parametrize("size", [0, 1, 65534, 65535, 65536, 16 * 65535, 16 * 65535 + 1, 3_000_000])
@pytest.mark.parametrize("piece", [1000, 65535, 2**20])
def test_a_stream_of_any_size_in_any_pieces_is_the_same_gzip(size: int, piece: int) -> None:
    data = hashlib.shake_128(b"seed").digest(size)
    pieces = [data[start : start + piece] for start in range(0, size, piece)]
    packed = _gzip(data, pieces)
    assert gzip.decompress(packed) == data
    assert len(packed) == stored_size(size)
    assert packed == _gzip(data, [data])
