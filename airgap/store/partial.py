"""Files that become visible whole or not at all.

A partial file lies in the file system of its destination under a recognisable name, locked (flock)
while its writer lives. It is synced, then renamed. What a killed process leaves behind is unlocked,
and `sweep` removes exactly that; a living writer of another process is never disturbed.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from airgap.errors import PublishError

__all__ = [
    "PARTIAL_PREFIX",
    "PUBLISHED_MODE",
    "PartialFile",
    "partial_file",
    "partial_path",
    "refuse",
    "replace_bytes",
    "sweep",
    "sync_directory",
]

PARTIAL_PREFIX = ".airgap-partial-"
PUBLISHED_MODE = 0o444


class PartialFile:
    """An open, locked, not yet visible file."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.committed = False

    def write(self, data: bytes | memoryview) -> None:
        """Append all the bytes.

        Raises:
            PublishError: The disk refuses them.
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self.descriptor, rest) :]
        except OSError as error:
            raise refuse(self.path, error) from error

    def restart(self) -> None:
        """Drop all bytes written so far."""
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)

    def commit(
        self, destination: Path, *, mode: int = PUBLISHED_MODE, is_lasting: bool = True
    ) -> None:
        """Sync the bytes and give them their name, replacing what had it.

        Args:
            destination: The name.
            mode: Its permissions.
            is_lasting: Whether it has to survive a power cut; else nothing is synced.

        Raises:
            PublishError: The disk refuses.
        """
        try:
            os.fchmod(self.descriptor, mode)
            if is_lasting:
                os.fsync(self.descriptor)
            self.path.rename(destination)
            self.committed = True
            if is_lasting:
                sync_directory(destination.parent)
        except OSError as error:
            raise refuse(destination, error) from error


@contextmanager
def partial_file(directory: Path) -> Iterator[PartialFile]:
    """Open a partial file in a directory; leaving the block uncommitted removes it.

    Raises:
        PublishError: The directory cannot be written to.
    """
    try:
        directory.mkdir(exist_ok=True)  # a layout that another tool made has no such directory
        path, descriptor = _open_locked(directory)
    except OSError as error:
        raise refuse(directory, error) from error
    partial = PartialFile(path, descriptor)
    try:
        yield partial
    finally:
        if not partial.committed:
            path.unlink(missing_ok=True)
        os.close(descriptor)


def partial_path(directory: Path) -> Path:
    """Return a fresh name that `sweep` recognises."""
    return directory / f"{PARTIAL_PREFIX}{secrets.token_hex(8)}"


def _open_locked(directory: Path) -> tuple[Path, int]:
    while True:
        path = partial_path(directory)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)  # a sweep met the file between its creation and its lock
            continue
        if os.fstat(descriptor).st_nlink:
            return path, descriptor
        os.close(descriptor)


def sweep(directory: Path) -> int:
    """Remove the partial files of writers that are no more; return how many.

    A directory that is absent or read-only has nothing that could be removed.
    """
    removed = 0
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in directory.iterdir():
            if path.name.startswith(PARTIAL_PREFIX):
                removed += _remove_stale(path)
    return removed


def _remove_stale(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False  # gone meanwhile, or another user's
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except OSError:
        return False  # its writer lives, or the directory is read-only
    finally:
        os.close(descriptor)
    return True


def replace_bytes(
    destination: Path, data: bytes, *, mode: int = PUBLISHED_MODE, staging: Path | None = None
) -> None:
    """Write a small file whole: partial in `staging` (default: beside it), sync, rename.

    Raises:
        PublishError: The disk refuses.
    """
    with partial_file(staging or destination.parent) as partial:
        partial.write(data)
        partial.commit(destination, mode=mode)


def sync_directory(directory: Path) -> None:
    """Make renames in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refuse(path: Path, error: OSError) -> PublishError:
    """Return the error for a disk that says no, naming the path and its reason."""
    return PublishError(
        f"{path}: {error.strerror or error}", hint="check free space, permissions and the mount"
    )
