"""Forms of a cache: each whole or not at all, the same bytes each time, and what imager reads."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from airgap.errors import IntegrityError, PublishError
from airgap.imagecache.contents import build_tree
from airgap.imagecache.forms import DirectoryForm, write_directory, write_file
from airgap.imagecache.staging import staging
from airgap.imagecache.tree import StoredFile, Tree
from airgap.plan.cache_content import CacheContent, FileForm
from airgap.store import Store
from tests.imagecache.images import LAYER

AMD64 = "linux/amd64"


@pytest.fixture
def tree(store: Store, content: CacheContent) -> Tree:
    """The tree of two images."""
    return build_tree(store, content)


def _inner(layout: Path) -> dict[str, bytes]:
    """Return the files of a cache as imager unpacks them, every digest on the way checked."""
    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads((layout / "index.json").read_text())
    (entry,) = index["manifests"]
    manifest = json.loads(_blob(layout, entry))
    config = json.loads(_blob(layout, manifest["config"]))
    (layer,) = manifest["layers"]
    assert layer["mediaType"] == LAYER
    plain = gzip.decompress(_blob(layout, layer))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(plain).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        return dict(_files(archive))


def _blob(layout: Path, descriptor: dict[str, object]) -> bytes:
    digest = str(descriptor["digest"])
    data = (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest
    assert len(data) == descriptor["size"]
    return data


def _files(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in archive.getmembers():
        file = archive.extractfile(member)
        if file is not None:
            yield member.name, file.read()


def _expected(tree: Tree) -> dict[str, bytes]:
    return {
        path: each.path.read_bytes() if isinstance(each, StoredFile) else each
        for path, each in tree.files.items()
    }


def _below(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_the_layout_is_what_imager_reads(tree: Tree, tmp_path: Path) -> None:
    """facts: one image of one gzip'd layer, its platform in the index: imager takes no other."""
    write_directory("oci", tree, AMD64, tmp_path / "cache")
    assert _inner(tmp_path / "cache") == _expected(tree)
    index = json.loads((tmp_path / "cache" / "index.json").read_text())
    assert index["manifests"][0]["platform"] == {"os": "linux", "architecture": "amd64"}
    assert len(list((tmp_path / "cache" / "blobs" / "sha256").iterdir())) == 3


def test_the_tar_of_the_layout_unpacks_to_the_layout(tree: Tree, tmp_path: Path) -> None:
    write_directory("oci", tree, AMD64, tmp_path / "cache")
    write_file("tar", tree, AMD64, tmp_path / "cache.tar")
    with tarfile.open(tmp_path / "cache.tar") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    assert _below(tmp_path / "unpacked") == _below(tmp_path / "cache")


def test_the_tree_on_disk_and_its_tar_hold_the_same(tree: Tree, tmp_path: Path) -> None:
    write_directory("tree", tree, AMD64, tmp_path / "tree")
    write_file("flat", tree, AMD64, tmp_path / "tree.tar")
    assert _below(tmp_path / "tree") == _expected(tree)
    with tarfile.open(tmp_path / "tree.tar") as archive:
        assert dict(_files(archive)) == _expected(tree)


@pytest.mark.parametrize("form", get_args(FileForm))
def test_a_file_is_the_same_bytes_wherever_and_whenever_it_is_made(
    form: FileForm, tree: Tree, tmp_path: Path
) -> None:
    first, second = tmp_path / "a" / "cache", tmp_path / "b" / "other-name"
    for place in (first, second):
        write_file(form, tree, AMD64, place)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("form", get_args(DirectoryForm))
def test_a_directory_is_the_same_bytes_each_time(
    form: DirectoryForm, tree: Tree, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        write_directory(form, tree, AMD64, tmp_path / name)
    assert _below(tmp_path / "first") == _below(tmp_path / "second")


def _damage(tree: Tree) -> None:
    stored = max(
        (each for each in tree.files.values() if isinstance(each, StoredFile)),
        key=lambda each: each.size,
    )
    stored.path.chmod(0o644)
    stored.path.write_bytes(b"!" * stored.size)


@pytest.mark.parametrize("form", get_args(FileForm))
def test_a_blob_that_changed_in_the_store_is_never_published_in_a_file(
    form: FileForm, tree: Tree, tmp_path: Path
) -> None:
    _damage(tree)
    with pytest.raises(IntegrityError):
        write_file(form, tree, AMD64, tmp_path / "out" / "cache")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("form", get_args(DirectoryForm))
def test_a_blob_that_changed_in_the_store_is_never_published_in_a_directory(
    form: DirectoryForm, tree: Tree, tmp_path: Path
) -> None:
    _damage(tree)
    with pytest.raises(IntegrityError):
        write_directory(form, tree, AMD64, tmp_path / "out" / "cache")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_there_is_replaced_only_where_that_is_said(tree: Tree, tmp_path: Path) -> None:
    place = tmp_path / "cache"
    place.mkdir()
    (place / "mine").write_text("mine")
    with pytest.raises(PublishError, match="is there already"):
        write_directory("oci", tree, AMD64, place)
    assert (place / "mine").read_text() == "mine"
    write_directory("oci", tree, AMD64, place, replace=True)
    assert _inner(place) == _expected(tree)
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "store"}


def test_what_is_to_be_replaced_comes_back_when_that_fails(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "out" / "cache"
    place.mkdir(parents=True)
    (place / "mine").write_text("mine")

    def refuse(*_: object, **__: object) -> None:
        raise PublishError("the disk refuses")

    monkeypatch.setattr("airgap.imagecache.forms.publish_staged", refuse)
    with pytest.raises(PublishError):
        write_directory("oci", tree, AMD64, place, replace=True)
    assert (place / "mine").read_text() == "mine"


def test_an_interruption_leaves_nothing_behind(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file("tar", tree, AMD64, tmp_path / "out" / "cache.tar", told=interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_directory("oci", tree, AMD64, tmp_path / "out" / "cache", told=interrupt)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_a_killed_run_left_goes_with_the_next_one(tree: Tree, tmp_path: Path) -> None:
    stale = tmp_path / "out" / ".airgap-partial-0000000000000000"
    (stale / "cache").mkdir(parents=True)
    write_directory("oci", tree, AMD64, tmp_path / "out" / "cache")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["cache"]


def test_a_directory_under_way_is_left_alone_by_another_run(tree: Tree, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with staging(out) as place:
        write_directory("oci", tree, AMD64, out / "cache")
        assert place.is_dir()


def test_a_full_disk_is_said_and_nothing_is_left(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("airgap.imagecache.forms.os.write", full)
    with pytest.raises(PublishError, match="No space left"):
        write_directory("oci", tree, AMD64, tmp_path / "out" / "cache")
    assert list((tmp_path / "out").iterdir()) == []
