"""FAT32 images, read back by a strict reader of Microsoft's specification (`fatreader`).

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
from airgap.imagecache.tree import StoredFile, Tree, stream
from airgap.imagecache.vfat import render_vfat, write_vfat
from tests.imagecache.fatreader import read_fat
from tests.imagecache.trees import FAT_CHARACTERS, reordered, stored, trees

_MIB = 1 << 20


def _image(tree: Tree) -> bytes:
    return b"".join(map(bytes, render_vfat(tree)))


def _promised(size: int) -> StoredFile:
    return StoredFile(path=Path("/nowhere/huge"), size=size, digest=sha256_of(b""))


@given(trees(FAT_CHARACTERS, folded=True))
@settings(max_examples=25, deadline=None)
def test_whole_tree_is_read_back(tree: Tree) -> None:
    volume = read_fat(_image(tree))

    expected = tree.under("imagecache")
    assert volume.files == {p: b"".join(map(bytes, stream(c))) for p, c in expected.files.items()}
    assert volume.directories == set(expected.all_directories())
    assert volume.read_only == set(expected.files)


@given(trees(FAT_CHARACTERS, folded=True))
@settings(max_examples=10, deadline=None)
def test_same_tree_gives_the_same_bytes(tree: Tree) -> None:
    assert _image(tree) == _image(reordered(tree))


def test_label_is_one_that_talos_looks_for() -> None:
    image = _image(Tree(files={}))

    # The specification's BS_VolLab, and the root directory's first entry, which Talos reads.
    assert image[71:82] == b"TALOS_CACHE"
    volume = read_fat(image)
    assert volume.label == "TALOS_CACHE"


def test_small_volume_has_clusters_enough_to_be_fat32() -> None:
    """Fewer than 65,525 clusters are a FAT16, whatever the boot sector says (page 14)."""
    volume = read_fat(_image(Tree(files={"a": b"1"})))

    assert volume.clusters >= 65_525
    assert volume.cluster_bytes == 512


@pytest.mark.parametrize(
    ("mebibytes", "cluster_bytes"),
    [(1, 512), (259, 512), (261, 4096), (8 * 1024 + 1, 8192), (17 * 1024, 16384), (40_000, 32768)],
)
def test_cluster_is_as_big_as_the_specification_has_it(mebibytes: int, cluster_bytes: int) -> None:
    """Microsoft's table for FAT32 (page 20): 512 to 260 MB, 4 K to 8 GB, 8 K, 16 K, 32 K."""
    pieces = mebibytes // 2048 + 1
    files = {f"{at}": _promised(mebibytes * _MIB // pieces) for at in range(pieces)}
    boot = bytes(next(render_vfat(Tree(files=files))))
    assert boot[13] * 512 == cluster_bytes


def test_big_volume_has_no_free_space() -> None:
    """A volume with clusters enough ends where its last file does."""
    boot = bytes(next(render_vfat(Tree(files={"a": _promised(300 * _MIB)}))))
    free = int.from_bytes(boot[512 + 488 : 512 + 492], "little")
    assert free == 0
    assert int.from_bytes(boot[512 + 492 : 512 + 496], "little") == 0xFFFFFFFF


def test_serial_number_is_the_contents(tmp_path: Path) -> None:
    def serial(tree: Tree) -> int:
        return int.from_bytes(bytes(next(render_vfat(tree)))[67:71], "little")

    in_file = Tree(files={"a": stored(tmp_path, "a", b"1")})
    assert serial(Tree(files={"a": b"1"})) == serial(in_file)
    others = [Tree(files={"a": b"2"}), Tree(files={"b": b"1"})]
    others.append(Tree(files={"a": b"1"}, directories=frozenset({"c"})))
    assert serial(in_file) not in map(serial, others)


@pytest.mark.parametrize("length", [1, 8, 12, 13, 14, 25, 26, 27, 254, 255])
def test_name_of_any_length_is_read_back(length: int) -> None:
    """An entry has 13 units: whole entries have neither an end mark nor filling."""
    names = {"n" * (length - 1) + last for last in "abcdefghi"}
    volume = read_fat(_image(Tree(files=dict.fromkeys(names, b"x"))))
    assert set(volume.files) == {f"imagecache/{name}" for name in names}


def test_name_that_looks_like_a_short_one_is_nobodys_short_name() -> None:
    """Long and short names are one name space (page 29)."""
    names = ["000000~1", "000002~1", "z"]
    volume = read_fat(_image(Tree(files={name: name.encode() for name in names})))
    assert volume.files == {f"imagecache/{name}": name.encode() for name in names}


def test_directory_of_many_clusters_is_read_back() -> None:
    files = {f"blob/sha256-{number:064x}": b"%d" % number for number in range(3000)}
    volume = read_fat(_image(Tree(files=files)))
    assert volume.files == {f"imagecache/{path}": data for path, data in files.items()}


def test_directory_beyond_two_mebibytes_is_refused() -> None:
    """65,536 entries are the most (Linux: FAT_MAX_DIR_SIZE); a blob's name takes seven."""
    files = {f"sha256-{number:064x}": b"" for number in range(65_536 // 7 + 1)}
    with pytest.raises(PublishError, match=r"imagecache cannot be .* too many") as caught:
        next(render_vfat(Tree(files=files)))
    assert "iso" in caught.value.hint


@pytest.mark.parametrize(
    ("first", "second"),
    [("reference/V1", "reference/v1"), ("Blob/a", "blob/b"), ("a/straße", "a/STRASSE")],
)
def test_names_that_differ_in_case_only_are_refused(first: str, second: str) -> None:
    with pytest.raises(PublishError, match="case only") as caught:
        next(render_vfat(Tree(files={first: b"1", second: b"2"})))
    assert "iso" in caught.value.hint


@pytest.mark.parametrize("name", ["v1.", "v1 ", "a:b", "a?b", 'a"', "a\\b", "a\tb", "a|b", "a*"])
def test_name_that_fat_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(PublishError, match=r"imagecache/reference/.* cannot") as caught:
        next(render_vfat(Tree(files={f"reference/{name}": b"1"})))
    assert "iso" in caught.value.hint


def test_file_of_four_gibibytes_is_refused_by_name() -> None:
    assert next(render_vfat(Tree(files={"blob/a": _promised((4 << 30) - 1)})))
    with pytest.raises(PublishError, match=r"imagecache/blob/a .* 4294967296 bytes") as caught:
        next(render_vfat(Tree(files={"blob/a": _promised(4 << 30)})))
    assert "iso" in caught.value.hint


def test_volume_beyond_32_bits_of_sectors_is_refused() -> None:
    files = {str(number): _promised((4 << 30) - 1) for number in range(512)}
    with pytest.raises(PublishError, match="sectors"):
        next(render_vfat(Tree(files=files)))


def test_image_appears_whole_and_read_only(tmp_path: Path) -> None:
    tree = Tree(files={"blob": stored(tmp_path, "blob", os.urandom(3_000_000))})
    counted: list[int] = []

    write_vfat(tmp_path / "new" / "cache.img", tree, meter=counted.append)

    written = tmp_path / "new" / "cache.img"
    assert written.read_bytes() == _image(tree)
    assert sum(counted) == written.stat().st_size
    assert stat.S_IMODE(written.stat().st_mode) == 0o444
    assert [each.name for each in written.parent.iterdir()] == ["cache.img"]


def test_damaged_source_leaves_the_image_that_was_there(tmp_path: Path) -> None:
    content = stored(tmp_path, "blob", b"what it was")
    target = tmp_path / "out" / "cache.img"
    write_vfat(target, Tree(files={"blob": content}))
    before = target.read_bytes()
    content.path.write_bytes(b"what it is!")

    with pytest.raises(IntegrityError):
        write_vfat(target, Tree(files={"blob": content, "other": b""}))

    assert target.read_bytes() == before
    assert [each.name for each in target.parent.iterdir()] == ["cache.img"]
