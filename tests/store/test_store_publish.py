"""Publishing from the store: whole or not at all, and nothing of the store is put at risk."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap.digest import Digest
from airgap.errors import IntegrityError, PublishError
from airgap.store import Store, make_served, publish_bytes, publish_file
from airgap.store import publish as publish_module
from airgap.store.partial import PARTIAL_PREFIX, partial_file, sweep

KERNEL = b"kernel " * 400_000  # more than one buffer
DIGEST = Digest("sha256", hashlib.sha256(KERNEL).hexdigest())


@pytest.fixture
def blob(store: Store) -> Path:
    return store.blob_path(store.put(KERNEL))


def publish(blob: Path, destination: Path, mode: publish_module.Mode) -> publish_module.Way:
    return publish_file(blob, destination, mode=mode, digest=DIGEST, size=len(KERNEL))


@pytest.mark.parametrize("mode", ["copy", "link"])
def test_published_file_is_whole_read_only_and_alone(
    blob: Path, tmp_path: Path, mode: publish_module.Mode
) -> None:
    destination = tmp_path / "srv" / "v1.11.5" / "vmlinuz-amd64"
    assert publish(blob, destination, mode) != "present"
    assert destination.read_bytes() == KERNEL
    assert destination.stat().st_mode & 0o777 == 0o444
    assert [path.name for path in destination.parent.iterdir()] == ["vmlinuz-amd64"]
    assert publish(blob, destination, mode) == "present"


def test_plain_path_never_shares_the_blobs_file(blob: Path, tmp_path: Path) -> None:
    destination = tmp_path / "vmlinuz-amd64"
    publish(blob, destination, "copy")
    assert destination.stat().st_ino != blob.stat().st_ino
    destination.chmod(0o644)
    with destination.open("wb") as file:  # as `wget -O` does
        file.write(b"short")
    assert blob.read_bytes() == KERNEL


def test_content_addressed_path_takes_no_second_space(blob: Path, tmp_path: Path) -> None:
    destination = tmp_path / "vmlinuz-amd64"
    way = publish(blob, destination, "link")
    assert way in ("reflink", "link")
    if way == "link":
        assert destination.stat().st_ino == blob.stat().st_ino


def test_file_system_without_links_is_copied_to(
    blob: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_link(_source: object, _destination: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse_link)
    destination = tmp_path / "vmlinuz-amd64"
    assert publish(blob, destination, "link") in ("reflink", "copy")
    assert destination.read_bytes() == KERNEL


@pytest.mark.parametrize("mode", ["copy", "link"])
def test_other_bytes_are_replaced(blob: Path, tmp_path: Path, mode: publish_module.Mode) -> None:
    destination = tmp_path / "vmlinuz-amd64"
    destination.write_bytes(KERNEL[:-1] + b"?")
    with destination.open("rb") as reader:
        assert publish(blob, destination, mode) != "present"
        assert reader.read() == KERNEL[:-1] + b"?"  # who reads the old file reads it to its end
    assert destination.read_bytes() == KERNEL
    assert list(tmp_path.glob(f"**/{PARTIAL_PREFIX}*")) == []


def test_symbolic_link_is_replaced_and_not_followed(blob: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"theirs")
    destination = tmp_path / "vmlinuz-amd64"
    destination.symlink_to(target)
    publish(blob, destination, "copy")
    assert not destination.is_symlink()
    assert target.read_bytes() == b"theirs"


@pytest.mark.parametrize("mode", ["copy", "link"])
def test_damaged_blob_is_never_published(
    blob: Path, tmp_path: Path, mode: publish_module.Mode
) -> None:
    blob.chmod(0o644)
    with blob.open("r+b") as file:
        file.write(b"K")
    destination = tmp_path / "srv" / "vmlinuz-amd64"
    with pytest.raises(IntegrityError, match="expected"):
        publish(blob, destination, mode)
    assert list(destination.parent.iterdir()) == []


def test_absent_blob_names_fetch(tmp_path: Path, store: Store) -> None:
    with pytest.raises(PublishError) as caught:
        publish(store.blob_path(DIGEST), tmp_path / "srv" / "x", "copy")
    assert "fetch" in caught.value.diagnostics()


def test_directory_in_the_way_is_refused(blob: Path, tmp_path: Path) -> None:
    (tmp_path / "vmlinuz-amd64").mkdir()
    with pytest.raises(PublishError, match="no regular file"):
        publish(blob, tmp_path / "vmlinuz-amd64", "copy")


def test_file_as_directory_is_a_publish_error(blob: Path, tmp_path: Path) -> None:
    (tmp_path / "v1.11.5").write_bytes(b"")
    with pytest.raises(PublishError):
        publish(blob, tmp_path / "v1.11.5" / "vmlinuz-amd64", "copy")


def test_full_disk_leaves_the_old_file(
    blob: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = tmp_path / "vmlinuz-amd64"
    destination.write_bytes(b"old")

    def full(_descriptor: int, _data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(publish_module, "_clone", lambda _source, _partial: False)
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(PublishError, match="No space left"):
        publish(blob, destination, "copy")
    assert destination.read_bytes() == b"old"
    assert list(tmp_path.glob(f"{PARTIAL_PREFIX}*")) == []


def test_small_file_is_published_once(tmp_path: Path) -> None:
    destination = tmp_path / "v1.11.5" / "checksums.txt"
    assert publish_bytes(b"one\n", destination) == "copy"
    before = destination.stat()
    assert publish_bytes(b"one\n", destination) == "present"
    after = destination.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    publish_bytes(b"two\n", destination)
    assert destination.read_bytes() == b"two\n"
    assert destination.stat().st_mode & 0o777 == 0o444


def test_sweep_removes_what_a_killed_run_left_and_no_living_writers(tmp_path: Path) -> None:
    (tmp_path / f"{PARTIAL_PREFIX}0123456789abcdef").write_bytes(b"half")
    (tmp_path / "keep").write_bytes(b"")
    with partial_file(tmp_path) as living:
        living.write(b"half")
        assert sweep(tmp_path) == 1
        assert {path.name for path in tmp_path.iterdir()} == {"keep", living.path.name}
        living.commit(tmp_path / "done")
    assert {path.name for path in tmp_path.iterdir()} == {"keep", "done"}


def test_sweep_of_an_absent_directory_finds_nothing(tmp_path: Path) -> None:
    assert sweep(tmp_path / "absent") == 0


def test_link_under_way_is_not_swept(
    blob: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[int] = []
    link = os.link

    def link_and_be_swept(source: Path, destination: Path) -> None:
        link(source, destination)
        swept.append(sweep(destination.parent))  # as another process may at this moment

    monkeypatch.setattr(os, "link", link_and_be_swept)
    assert publish(blob, tmp_path / "vmlinuz-amd64", "link") in ("reflink", "link")
    assert sum(swept) == 0
    link(blob, tmp_path / f"{PARTIAL_PREFIX}left")  # its publisher was killed
    assert sweep(tmp_path) == 1
    assert blob.read_bytes() == KERNEL


@pytest.fixture
def narrow_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def permissions(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("narrow_umask")
def test_directories_made_for_a_web_server_are_readable_whatever_the_umask(tmp_path: Path) -> None:
    root = tmp_path / "srv" / "talos"
    make_served(root / "v1.11.5" / "abc", root=root)
    for made in (root.parent, root, root / "v1.11.5", root / "v1.11.5" / "abc"):
        assert permissions(made) == 0o755, made


@pytest.mark.usefixtures("narrow_umask")
def test_unreadable_directory_below_the_root_is_mended_and_the_root_left_alone(
    tmp_path: Path,
) -> None:
    root, private = tmp_path / "talos", tmp_path / "private"
    (root / "v1.11.5" / "abc").mkdir(parents=True)
    private.mkdir()
    (root / "v1.11.6").symlink_to(private)
    make_served(root / "v1.11.5" / "abc", root=root)
    make_served(root / "v1.11.6", root=root)
    assert permissions(root / "v1.11.5" / "abc") == permissions(root / "v1.11.5") == 0o755
    assert permissions(root) == permissions(private) == 0o700


def test_what_a_directory_allows_beyond_that_stays(tmp_path: Path) -> None:
    directory = tmp_path / "v1.11.5"
    directory.mkdir()
    directory.chmod(0o2770)
    make_served(directory, root=tmp_path)
    assert directory.stat().st_mode & 0o7777 == 0o2775
