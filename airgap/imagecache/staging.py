"""Where something is made before it is seen: a directory beside it, renamed or gone at the end.

The directory is locked (flock) while its maker lives. What a killed process leaves is unlocked, and
the next one that makes something there removes exactly that.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airgap.store.partial import PARTIAL_PREFIX, partial_path, refuse, sync_directory

__all__ = ["publish_staged", "staging"]


@contextmanager
def staging(directory: Path) -> Iterator[Path]:
    """Make a directory to work in, on the file system of `directory`; it is removed at the end.

    Raises:
        PublishError: The disk refuses.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _sweep(directory)
        place, descriptor = _claim(directory)
    except OSError as error:
        raise refuse(directory, error) from error
    try:
        yield place
    except OSError as error:
        raise refuse(directory, error) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(descriptor)


def _claim(directory: Path) -> tuple[Path, int]:
    while True:
        place = partial_path(directory)
        place.mkdir()
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if place.exists():
                return place, descriptor
        except BlockingIOError:
            pass  # a sweep met the directory between its creation and its lock
        os.close(descriptor)


def publish_staged(made: Path, destination: Path, *, mode: int | None = None) -> None:
    """Give what was made its name: synced, and in place of a file that is there.

    Raises:
        PublishError: The disk refuses; what was there is as it was.
    """
    try:
        if mode is not None:
            made.chmod(mode)
        _sync(made)
        made.rename(destination)
        sync_directory(destination.parent)
    except OSError as error:
        raise refuse(destination, error) from error


def _sync(made: Path) -> None:
    """Return when the bytes are on the disk: of a file, or of all below a directory."""
    for folder, _, files in os.walk(made) if made.is_dir() else ():
        for name in files:
            _sync_file(Path(folder) / name)
        sync_directory(Path(folder))
    if not made.is_dir():
        _sync_file(made)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(directory: Path) -> None:
    """Remove the directories of makers that are no more."""
    for path in directory.iterdir():
        if path.name.startswith(PARTIAL_PREFIX) and path.is_dir() and not path.is_symlink():
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            except BlockingIOError:
                continue  # its maker lives
            finally:
                os.close(descriptor)
