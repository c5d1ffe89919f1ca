"""Media that programs of others, and a real Linux kernel, read: xorriso, isoinfo, mtools, fsck.fat.

Expected are the paths, sizes and hashes of the tree that was written, and what those programs say.
"""

import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings

from airgap.digest import sha256_of
from airgap.errors import PublishError
from airgap.imagecache import iso
from airgap.imagecache.iso import render_iso, write_iso
from airgap.imagecache.medium import Piece
from airgap.imagecache.tree import Content, StoredFile, Tree, size_of, stream
from airgap.imagecache.vfat import write_vfat
from lab.registryd import Registryd
from tests.imagecache.trees import FAT_BASIC_CHARACTERS, stored, trees
from tests.lab.cached import LAYER, cached_image, digest_of
from tests.peers.mounting import mount_media
from tests.peers.processes import bare_environment
from tools.peers import Peers
from tools.peers.golang import IMAGE_CACHES

pytestmark = pytest.mark.peers

_TIMEOUT_S = 600
_GIB = 1 << 30

_Write = Callable[[Path, Tree], None]
_Extract = Callable[[Peers, Path, Path], Path]


def _run(peers: Peers, name: str, *arguments: str | Path) -> str:
    """Run a program that has to be content; return all that it says."""
    done = subprocess.run(
        [peers.path(name), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=bare_environment(LC_ALL="C.UTF-8"),
        timeout=_TIMEOUT_S,
        check=False,
    )
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """An image that can be pulled, and all that is awkward about a cache's tree."""
    folder = tmp_path_factory.mktemp("blobs")
    big = {f"blob/big-{size}": stored(folder, str(size), os.urandom(size)) for size in (9, 7 << 20)}
    blobs = {f"blob/sha256-{number:064x}": b"%d" % number * number for number in range(400)}
    deep = "manifests/registry.example_5000_/" + "/".join(f"level{at}" for at in range(40))
    names: dict[str, Content] = {
        f"{deep}/reference/{'t' * 128}": b"tag",
        **{f"names/{'n' * length}": b"%d" % length for length in (160, 161, 250, 251, 253)},
        "names/ünïcode-日本": b"unicode",
        "names/empty": b"",
    }
    return Tree(
        files={**cached_image(), **big, **blobs, **names},
        directories=frozenset({"manifests/docker.io/library/nginx/reference"}),
    )


def _digests(tree: Tree) -> dict[str, str]:
    digests = {}
    for path, content in tree.files.items():
        hasher = hashlib.sha256()
        for piece in stream(content):
            hasher.update(piece)
        digests[path] = hasher.hexdigest()
    return digests


def _found(folder: Path) -> Tree:
    """Return what lies in a folder, each file hashed anew."""
    files: dict[str, Content] = {}
    directories = set()
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            directories.add(name)
        else:
            data = path.read_bytes()
            files[name] = StoredFile(path=path, size=len(data), digest=sha256_of(data))
    return Tree(files=files, directories=frozenset(directories))


def _assert_same(found: Tree, expected: Tree) -> None:
    assert _digests(found) == _digests(expected)
    assert found.all_directories() == expected.all_directories()


def _extract_iso(peers: Peers, image: Path, folder: Path) -> Path:
    said = _run(
        peers,
        "xorriso",
        *("-abort_on", "WARNING", "-return_with", "WARNING", "32", "-osirrox", "on"),
        *("-indev", image, "-extract", "/", folder),
    )
    assert "Volume id    : 'TALOS_IMAGECACHE'" in said
    return folder


def _extract_vfat(peers: Peers, image: Path, folder: Path) -> Path:
    """Check a volume, and copy all of it out.

    fsck.fat 4.2 ends with 1 when it found anything, with ``-n`` too.
    """
    said = _run(peers, "fsck.vfat", "-n", "-v", image)
    assert "Checking free cluster summary" in said
    folder.mkdir(parents=True)
    _run(peers, "mcopy", "-s", "-n", "-i", image, "::imagecache", folder)
    return folder


_WAYS: Mapping[str, tuple[_Write, _Extract]] = {
    "iso": (write_iso, _extract_iso),
    "vfat": (write_vfat, _extract_vfat),
}


@pytest.mark.parametrize("medium", _WAYS)
def test_other_programs_read_every_file_back(
    peers: Peers, cache: Tree, tmp_path: Path, medium: str
) -> None:
    write, extract = _WAYS[medium]
    write(tmp_path / "image", cache)

    folder = extract(peers, tmp_path / "image", tmp_path / "found")

    _assert_same(_found(folder), cache.under("imagecache"))


@pytest.mark.parametrize("talos", ["v1.11.5", "v1.12.11", "v1.13.9"])
@pytest.mark.parametrize("medium", _WAYS)
def test_node_pulls_from_what_a_medium_holds(
    peers: Peers, cache: Tree, tmp_path: Path, medium: str, talos: str
) -> None:
    write, extract = _WAYS[medium]
    write(tmp_path / "image", cache)
    root = extract(peers, tmp_path / "image", tmp_path / "found") / "imagecache"

    pulled = Registryd([root], talos=talos).pull("ghcr.io/siderolabs/installer:v1.11.5")

    assert pulled.blobs[-1] == digest_of(LAYER)


@pytest.mark.parametrize("medium", _WAYS)
def test_any_tree_is_read_back_by_other_programs(peers: Peers, medium: str) -> None:
    write, extract = _WAYS[medium]
    kinds = {"iso": trees(), "vfat": trees(FAT_BASIC_CHARACTERS, folded=True)}

    @given(kinds[medium])
    @settings(max_examples=10, deadline=None)
    def read_back(tree: Tree) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / "image", tree)
            found = extract(peers, Path(folder) / "image", Path(folder) / "found")
            _assert_same(_found(found), tree.under("imagecache"))

    read_back()


def test_linux_mounts_both_media_and_reads_every_file(
    peers: Peers, cache: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CD's big file has seven sections, as one beyond 4 GiB has two."""
    monkeypatch.setattr(iso, "_MAX_SECTION_BYTES", 1 << 20)
    cache = Tree(files={**cache.files, "names/🙂": b":-)"}, directories=cache.directories)
    write_iso(tmp_path / "cd", cache)
    write_vfat(tmp_path / "disk", cache)

    cd, disk = mount_media(peers, tmp_path / "cd", tmp_path / "disk", tmp_path / "machine")

    expected = cache.under("imagecache")
    sizes = {path: size_of(content) for path, content in expected.files.items()}
    for mounted in (cd, disk):
        assert mounted.digests == _digests(expected)
        assert mounted.sizes == sizes
        assert mounted.directories == set(expected.all_directories())
    assert {cd.modes[path] for path in expected.files} == {"444"}
    assert {cd.modes[path] for path in expected.all_directories()} == {"555"}
    assert {int(disk.modes[path], 8) & 0o222 for path in expected.files} == {0}


def test_file_beyond_four_gibibytes_is_read_across_its_sections(
    peers: Peers, tmp_path: Path
) -> None:
    """What would be the file's bytes is a hole with marks at its start, at the seam and at its end.

    xorriso 1.5.4 seeks to whole blocks and reads its way to any other offset.
    """
    size, block, seam = 5 * _GIB + 7, 2048, 4 * _GIB - 2048
    head = _head_of_huge_file(size, tmp_path)
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.write(head)
        for offset, mark in ((0, b"first"), (seam - 4, b"end.next"), (size - 7, b"is last")):
            file.seek(len(head) + offset)
            file.write(mark)
        file.truncate(len(head) + size + -size % block)

    def cut(offset: int, count: int) -> bytes:
        out = tmp_path / f"cut-{offset}"
        cut = ("-extract_cut", "/imagecache/huge", str(offset), str(count), out)
        _run(peers, "xorriso", "-osirrox", "on", "-indev", image, *cut)
        return out.read_bytes()

    said = _run(peers, "xorriso", "-indev", image, "-lsl", "/imagecache/huge")
    assert re.search(rf"\s{size}\s", said), said
    assert cut(0, 5) == b"first"
    assert cut(seam - block, 2 * block).strip(b"\0") == b"end.next"
    assert cut(5 * _GIB, 7) == b"is last"


def _head_of_huge_file(size: int, folder: Path) -> bytes:
    absent = StoredFile(path=folder / "absent", size=size, digest=sha256_of(b""))
    pieces: list[Piece] = []
    with pytest.raises(PublishError, match="is not in the store"):
        pieces.extend(render_iso(Tree(files={"huge": absent})))
    return b"".join(map(bytes, pieces))


@pytest.mark.parametrize("talos", IMAGE_CACHES)
def test_talos_finds_both_media_by_file_system_and_label(
    peers: Peers, cache: Tree, tmp_path: Path, talos: str
) -> None:
    """It takes a volume that is iso9660 or vfat and whose label starts with `TALOS_`."""
    write_iso(tmp_path / "cd", cache)
    write_vfat(tmp_path / "disk", cache)

    said = _run(peers, f"volume-{talos}", tmp_path / "cd", tmp_path / "disk")

    expected = [("iso9660", "TALOS_IMAGECACHE", "cd"), ("vfat", "TALOS_CACHE", "disk")]
    assert [json.loads(line) for line in said.splitlines()] == [
        {"name": name, "label": label, "size": (tmp_path / path).stat().st_size}
        for name, label, path in expected
    ]


def test_isoinfo_finds_rock_ridge_and_every_path(peers: Peers, cache: Tree, tmp_path: Path) -> None:
    write_iso(tmp_path / "image", cache)

    said = _run(peers, "isoinfo", "-d", "-i", tmp_path / "image")
    assert "Volume id: TALOS_IMAGECACHE\n" in said
    assert "Rock Ridge signatures version 1 found" in said

    listed = set(_run(peers, "isoinfo", "-R", "-f", "-i", tmp_path / "image").splitlines())
    expected = cache.under("imagecache")
    paths = (*expected.files, *expected.all_directories())
    assert listed == {f"/{path}" for path in paths}


def test_mtools_finds_label_and_every_path(peers: Peers, cache: Tree, tmp_path: Path) -> None:
    write_vfat(tmp_path / "image", cache)

    said = _run(peers, "minfo", "-i", tmp_path / "image", "::")
    assert 'disk label="TALOS_CACHE"' in said
    assert 'disk type="FAT32   "' in said

    listed = _run(peers, "mdir", "-/", "-b", "-a", "-i", tmp_path / "image", "::").splitlines()
    expected = cache.under("imagecache")
    files = {f"::/{path}" for path in expected.files}
    assert set(listed) == files | {f"::/{path}/" for path in expected.all_directories()}
