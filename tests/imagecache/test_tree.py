"""Trees: what is one, and what streaming a file of it verifies."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.digest import sha256_of
from airgap.errors import IntegrityError, PublishError
from airgap.imagecache.tree import StoredFile, Tree, size_of, stream
from tests.imagecache.trees import stored


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "a//b", ".", "a/..", "./a", "a\0b", "n" * 256, "ü" * 128, "\ud800"]
)
def test_path_that_no_file_system_holds_is_refused(path: str) -> None:
    with pytest.raises(PublishError):
        Tree(files={path: b""})
    with pytest.raises(PublishError):
        Tree(files={}, directories=frozenset({path}))


@pytest.mark.parametrize("files", [{"a": b"", "a/b": b""}, {"a/b/c": b"", "a/b": b""}])
def test_path_cannot_be_a_file_and_a_directory(files: dict[str, bytes]) -> None:
    with pytest.raises(PublishError, match="a file and a directory"):
        Tree(files=files)


def test_name_has_up_to_255_bytes() -> None:
    assert Tree(files={"n" * 255: b"", "ü" * 127: b""}).all_directories() == ()


def test_directories_are_sorted_by_bytes_with_parents_first() -> None:
    tree = Tree(files={"a/b/c": b"", "a-b/c": b""}, directories=frozenset({"a/b/d/e", "ä", "z"}))
    expected = ("a", "a-b", "a/b", "a/b/d", "a/b/d/e", "z", "ä")
    assert tree.all_directories() == expected


def test_tree_one_directory_lower_keeps_what_is_in_it() -> None:
    tree = Tree(files={"a/b": b"12"}, directories=frozenset({"c"})).under("d/e")

    assert tree.files == {"d/e/a/b": b"12"}
    assert tree.all_directories() == ("d", "d/e", "d/e/a", "d/e/c")
    assert tree.size_bytes == 2


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 3_000_000])
def test_file_is_streamed_whole(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"\0" * (size % 256)
    content = stored(tmp_path, "file", data)

    assert b"".join(map(bytes, stream(content))) == data
    assert b"".join(map(bytes, stream(data))) == data
    assert size_of(content) == size_of(data) == size


@pytest.mark.parametrize(
    "found", [b"", b"longe", b"longer!", b"damage", b"much longer than it was"]
)
def test_file_with_other_bytes_is_an_integrity_error(tmp_path: Path, found: bytes) -> None:
    content = stored(tmp_path, "file", b"longer")
    content.path.write_bytes(found)

    with pytest.raises(IntegrityError, match="expected 6 with sha256:"):
        list(stream(content))


def test_file_that_grew_yields_no_more_than_the_promised_bytes(tmp_path: Path) -> None:
    content = stored(tmp_path, "file", bytes(10))
    content.path.write_bytes(bytes(5_000_000))
    taken: list[int] = []
    with pytest.raises(IntegrityError):
        taken.extend(map(len, stream(content)))
    assert sum(taken) <= 10


def test_absent_file_is_not_in_the_store(tmp_path: Path) -> None:
    content = StoredFile(path=tmp_path / "absent", size=1, digest=sha256_of(b"x"))
    with pytest.raises(PublishError, match="is not in the store") as caught:
        list(stream(content))
    assert "fetch" in caught.value.hint


def test_file_that_cannot_be_read_is_a_publish_error(tmp_path: Path) -> None:
    content = StoredFile(path=tmp_path, size=1, digest=sha256_of(b"x"))
    with pytest.raises(PublishError):
        list(stream(content))
