"""ISO images, read back by a strict reader of ECMA-119, SUSP and RRIP (`isoreader`).

What other programs and a kernel read out of them is tests/peers/test_media.py's.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings

from airgap.digest import sha256_of
from airgap.errors import IntegrityError, PublishError
from airgap.imagecache import iso
from airgap.imagecache.iso import render_iso, write_iso
from airgap.imagecache.medium import Piece
from airgap.imagecache.tree import StoredFile, Tree, stream
from tests.imagecache.isoreader import read_iso
from tests.imagecache.trees import reordered, stored, trees

_GIB = 1 << 30


def _image(tree: Tree) -> bytes:
    return b"".join(map(bytes, render_iso(tree)))


def _head(tree: Tree) -> bytes:
    """Return what comes before the bytes of a tree's one file, which is too big to make."""
    pieces: list[Piece] = []
    with pytest.raises(PublishError, match="not in the store"):
        pieces.extend(render_iso(tree))
    return b"".join(map(bytes, pieces))


def _huge(size: int) -> Tree:
    content = StoredFile(path=Path("/nowhere/huge"), size=size, digest=sha256_of(b""))
    return Tree(files={"huge": content})


@given(trees())
@settings(max_examples=60, deadline=None)
def test_whole_tree_is_read_back(tree: Tree) -> None:
    volume = read_iso(_image(tree))

    expected = tree.under("imagecache")
    assert volume.files == {p: b"".join(map(bytes, stream(c))) for p, c in expected.files.items()}
    assert volume.directories == set(expected.all_directories())


@given(trees())
@settings(max_examples=30, deadline=None)
def test_same_tree_gives_the_same_bytes(tree: Tree) -> None:
    assert _image(tree) == _image(reordered(tree))


def test_label_is_one_that_talos_looks_for() -> None:
    image = _image(Tree(files={}))
    # ECMA-119 8.4.7: the volume identifier is at bytes 41 to 72 of the descriptor in block 16.
    assert image[0x8028:0x8048] == b"TALOS_IMAGECACHE".ljust(32)


def test_nothing_in_the_image_is_of_today() -> None:
    image = _image(Tree(files={"a": b"1"}))
    descriptor = image[0x8000:0x8800]
    # 8.4.26: creation and modification; 1970-01-01 00:00:00.00, 0 quarters of an hour from UTC.
    assert descriptor[813:847] == b"1970010100000000\0" * 2
    # 8.4.28: expiration and effective date are not given.
    assert descriptor[847:881] == b"0000000000000000\0" * 2


def test_everything_is_read_only() -> None:
    volume = read_iso(_image(Tree(files={"a/b": b"1"}, directories=frozenset({"c"}))))

    assert volume.modes == {
        "imagecache": 0o040555,
        "imagecache/a": 0o040555,
        "imagecache/a/b": 0o100444,
        "imagecache/c": 0o040555,
    }


@pytest.mark.parametrize("length", [1, 159, 160, 161, 162, 249, 250, 251, 253])
def test_name_of_any_length_is_read_back(length: int) -> None:
    """Up to 160 a record holds it; beyond, it continues elsewhere; beyond 250 in two entries."""
    names = {"n" * (length - 1) + last for last in "abcdefghi"}
    volume = read_iso(_image(Tree(files=dict.fromkeys(names, b"x"))))
    assert set(volume.files) == {f"imagecache/{name}" for name in names}


def test_name_that_linux_would_cut_off_is_refused() -> None:
    """`get_rock_ridge_filename` (Linux 6.1, fs/isofs/rock.c) stops before the 254th byte."""
    with pytest.raises(PublishError, match="254 bytes of name"):
        next(render_iso(Tree(files={"n" * 254: b""})))


def test_directory_of_many_blocks_is_read_back() -> None:
    files = {f"blob/sha256-{number:064x}": b"%d" % number for number in range(3000)}
    volume = read_iso(_image(Tree(files=files)))
    assert volume.files == {f"imagecache/{path}": data for path, data in files.items()}


def test_directories_beyond_eight_levels_stay_where_they_are() -> None:
    path = "/".join(f"level{number}" for number in range(60))
    assert f"imagecache/{path}" in read_iso(_image(Tree(files={path: b"deep"}))).files


def test_file_of_several_sections_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iso, "_MAX_SECTION_BYTES", 4096)
    data = os.urandom(4096 * 3 + 5)

    volume = read_iso(_image(Tree(files={"a": b"1", "big": data, "z": b"2"})))

    assert [size for _, size in volume.sections["imagecache/big"]] == [4096, 4096, 4096, 5]
    assert volume.files["imagecache/big"] == data


@pytest.mark.parametrize(
    ("size", "sections"),
    [
        ((4 * _GIB) - 2048, [4 * _GIB - 2048]),
        ((4 * _GIB) - 2047, [4 * _GIB - 2048, 1]),
        (4 * _GIB, [4 * _GIB - 2048, 2048]),
        (9 * _GIB, [4 * _GIB - 2048, 4 * _GIB - 2048, _GIB + 4096]),
    ],
)
def test_file_beyond_four_gibibytes_has_sections_of_whole_blocks(
    size: int, sections: list[int]
) -> None:
    """6.5 and 9.1.4: a section's length has 32 bits, and all but the last are whole blocks."""
    volume = read_iso(_head(_huge(size)), content=False)

    found = volume.sections["imagecache/huge"]
    assert [length for _, length in found] == sections
    starts = [block for block, _ in found]
    assert starts == [starts[0] + sum(sections[:n]) // 2048 for n in range(len(sections))]


def test_volume_beyond_32_bits_of_blocks_is_refused() -> None:
    with pytest.raises(PublishError, match="blocks"):
        next(render_iso(_huge(8 << 40)))


def test_more_directories_than_a_path_table_numbers_are_refused() -> None:
    names = frozenset(map(str, range(65_535)))
    with pytest.raises(PublishError, match="directories"):
        next(render_iso(Tree(files={}, directories=names)))


def test_image_appears_whole_and_read_only(tmp_path: Path) -> None:
    tree = Tree(files={"blob": stored(tmp_path, "blob", os.urandom(3_000_000))})
    counted: list[int] = []

    write_iso(tmp_path / "new" / "cache.iso", tree, meter=counted.append)

    written = tmp_path / "new" / "cache.iso"
    assert written.read_bytes() == _image(tree)
    assert sum(counted) == written.stat().st_size
    assert stat.S_IMODE(written.stat().st_mode) == 0o444
    assert [each.name for each in written.parent.iterdir()] == ["cache.iso"]


@pytest.mark.parametrize("damage", [b"shorter", b"as long as before, but other bytes!"])
def test_damaged_source_leaves_the_image_that_was_there(tmp_path: Path, damage: bytes) -> None:
    content = stored(tmp_path, "blob", b"as long as before, and what it was!")
    target = tmp_path / "out" / "cache.iso"
    write_iso(target, Tree(files={"blob": content}))
    before = target.read_bytes()
    content.path.write_bytes(damage)

    with pytest.raises(IntegrityError):
        write_iso(target, Tree(files={"blob": content, "other": b""}))

    assert target.read_bytes() == before
    assert [each.name for each in target.parent.iterdir()] == ["cache.iso"]


def test_directory_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache.iso").mkdir()
    with pytest.raises(PublishError, match="is a directory"):
        write_iso(tmp_path / "cache.iso", Tree(files={}))
