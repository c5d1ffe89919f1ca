"""Where the bytes of a blob lie until they are whole.

A large blob's file has its name from the blob's digest and a journal beside it: the next run finds
both and goes on. It is locked (flock) while somebody works on it; whoever comes second, and every
small blob, gets a file without a name of its own, that is gone when its writer is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from airgap.digest import is_digest
from airgap.store.disk import Disk
from airgap.store.journal import SUFFIX, Journal, Noted
from airgap.store.partial import partial_path

__all__ = ["Landing", "measure_kept", "open_landing", "remove_stale"]


class Landing:
    """An open, locked, not yet visible file; `journal` is None where nothing is kept of it."""

    def __init__(self, disk: Disk, path: Path, descriptor: int, journal: Journal | None) -> None:
        self.disk = disk
        self.path = path
        self.descriptor = descriptor
        self.journal = journal
        noted = Noted() if journal is None else _recall(disk, descriptor, journal)
        self.resumed = noted.synced
        self.validator = noted.validator
        self.published = False

    def reserve(self, size: int) -> None:
        """Take the room for all the bytes, or leave nothing that was not there before."""
        try:
            self.disk.reserve(self.descriptor, size)
        except OSError:
            if not self.resumed.count:
                self.discard()
            raise

    def publish(self, destination: Path, size: int) -> None:
        """Sync the file and make it visible; then its journal is of no more use."""
        if not destination.parent.is_dir():
            destination.parent.mkdir(exist_ok=True)
            self.disk.sync_directory(destination.parent.parent)
        self.disk.truncate(self.descriptor, size)
        self.disk.seal(self.descriptor)
        self.disk.rename(self.path, destination)
        self.published = True
        self.disk.sync_directory(destination.parent)
        if self.journal is not None:
            self.disk.remove(self.journal.path)

    def discard(self) -> None:
        """Remove the file and what is known of it, for good."""
        if self.published:
            return  # the name is another writer's by now
        if self.journal is not None:
            self.disk.remove(self.journal.path)
        self.disk.remove(self.path)
        if self.journal is not None:
            self.disk.sync_directory(self.path.parent)

    def close(self) -> None:
        """Let go of the file."""
        if self.journal is None:
            with suppress(OSError):  # a disk that refuses even this keeps it for the next sweep
                self.discard()
        else:
            self.journal.close()
        self.disk.close(self.descriptor)


def _recall(disk: Disk, descriptor: int, journal: Journal) -> Noted:
    """Return what counts of an earlier run; where nothing does, have that on the disk first."""
    noted = journal.read()
    size = disk.status(descriptor).st_size
    if max(noted.synced.end, noted.written.end) > size:
        noted = Noted()  # the file is another one: this one never held what was noted
    fresh = tuple(noted.written)
    if fresh:
        with suppress(OSError):  # it lost them: they are to come again
            disk.sync(descriptor)
            for start, end in fresh:
                noted.synced.add(start, end)
    if noted.synced.count:
        journal.resume(noted.synced)
        return noted
    journal.begin()
    disk.sync_directory(journal.path.parent)  # no older journal may come back beside these bytes
    return Noted()


@contextmanager
def open_landing(disk: Disk, directory: Path, *, key: str | None, size: int) -> Iterator[Landing]:
    """Open the file for a blob.

    Args:
        disk: The system calls.
        directory: Where such files lie.
        key: The blob's digest as `<algorithm>-<hex>`; None where nothing is to be kept.
        size: Its size, -1 where unknown.

    Raises:
        OSError: The disk refuses.
    """
    directory.mkdir(exist_ok=True)  # a layout that another tool made has no such directory
    landing = None if key is None else _open_keyed(disk, directory / key, key, size)
    if landing is None:
        landing = _open_anonymous(disk, directory)
    try:
        yield landing
    finally:
        landing.close()


def _open_keyed(disk: Disk, path: Path, key: str, size: int) -> Landing | None:
    """Open the file that all runs know; None when another one works on it."""
    descriptor = _open_named(disk, path)
    if descriptor is None:
        return None
    try:
        journal = Journal(disk, path.with_name(path.name + SUFFIX), key=key, size=size)
    except OSError:
        disk.close(descriptor)
        raise
    try:
        return Landing(disk, path, descriptor, journal)
    except OSError:
        journal.close()
        disk.close(descriptor)
        raise


def _open_named(disk: Disk, path: Path) -> int | None:
    while True:
        descriptor = disk.open(path)
        if not disk.lock(descriptor):
            disk.close(descriptor)
            return None
        links = disk.status(descriptor).st_nlink
        if links == 1:
            return descriptor
        try:
            if links > 1:  # it is published, and its old name came back with a power cut
                disk.remove(path)
        finally:
            disk.close(descriptor)  # and its lock with it


def _open_anonymous(disk: Disk, directory: Path) -> Landing:
    while True:
        path = partial_path(directory)
        descriptor = disk.open(path)
        if disk.lock(descriptor) and disk.status(descriptor).st_nlink:
            return Landing(disk, path, descriptor, None)
        disk.close(descriptor)  # a sweep met the file between its creation and its lock


def measure_kept(directory: Path) -> int:
    """Return what half-received blobs take on the disk."""
    paths = directory.iterdir() if directory.is_dir() else ()
    return sum(_disk_bytes(path) for path in paths)


def _disk_bytes(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0  # published meanwhile


def remove_stale(disk: Disk, directory: Path, *, dry_run: bool = False) -> int:
    """Remove what is kept for a next run and nobody works on now; return the bytes on the disk.

    What another user owns, and what goes meanwhile, is no error.
    """
    paths = directory.iterdir() if directory.is_dir() else ()
    names = {path.name.removesuffix(SUFFIX) for path in paths}
    return sum(
        _remove_kept(disk, directory / name, dry_run=dry_run)
        for name in sorted(names)
        if is_digest(name.replace("-", ":", 1))
    )


def _remove_kept(disk: Disk, path: Path, *, dry_run: bool) -> int:
    journal = path.with_name(path.name + SUFFIX)
    with ExitStack() as stack, suppress(OSError):
        if path.exists():
            descriptor = disk.open(path, create=False)
            stack.callback(disk.close, descriptor)
            if not disk.lock(descriptor):
                return 0
        freed = _disk_bytes(path) + _disk_bytes(journal)
        if not dry_run:
            disk.remove(journal)  # first: alone, it says nothing
            disk.remove(path)
        return freed
    return 0
