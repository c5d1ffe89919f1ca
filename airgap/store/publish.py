"""Publish a blob of the store at a path that somebody serves.

By reflink where the file system can; else, for content-addressed paths only, by hard link; else by
copy. In a plain path a hard link would be a trap: someone's `wget -O` would truncate the store.
Bytes are hashed on every way: what is published is what was asked for. Files are 0444.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Literal

from airgap.digest import Digest
from airgap.errors import IntegrityError, PublishError
from airgap.store.hashing import BUFFER_BYTES, FileDigests, Hasher, hash_file
from airgap.store.partial import (
    PUBLISHED_MODE,
    PartialFile,
    partial_file,
    partial_path,
    refuse,
    replace_bytes,
    sweep,
    sync_directory,
)

__all__ = ["SERVED_MODE", "Mode", "Way", "make_served", "publish_bytes", "publish_file"]

Mode = Literal["copy", "link"]
Way = Literal["present", "reflink", "link", "copy"]

SERVED_MODE = 0o755
"""What a directory that a web server reads has to allow at least, whatever the umask is."""

_FICLONE = 0x40049409  # linux/fs.h; other systems answer ENOTTY, and the file is copied
_CANNOT_CLONE = {
    errno.EOPNOTSUPP,
    errno.EXDEV,
    errno.EINVAL,
    errno.ENOTTY,
    errno.ENOSYS,
    errno.EPERM,
    errno.EACCES,
    errno.ETXTBSY,
    errno.EBADF,
    errno.EISDIR,
}
_CANNOT_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}


def make_served(directory: Path, *, root: Path) -> None:
    """Make a directory at or below a root that a web server's user can read.

    What is made here is readable whatever the umask is. A directory below the root that was there
    is mended if it is ours, as one is that an earlier run made; the root, what is above it and
    what a link leads to are their owner's. Where permissions cannot be changed they stay: reading
    back through the server's URL shows whether they do.

    Raises:
        PublishError: The disk refuses to make it.
    """
    line = (directory, *directory.parents)
    try:
        absent = [place for place in line if not place.exists()]
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refuse(directory, error) from error
    below = [place for place in line if place.is_relative_to(root) and place != root]
    for place in {*absent, *below}:
        with suppress(OSError):
            found = place.lstat()
            is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
            if is_ours and found.st_mode & SERVED_MODE != SERVED_MODE:
                place.chmod(stat.S_IMODE(found.st_mode) | SERVED_MODE)


def publish_file(source: Path, destination: Path, *, mode: Mode, digest: Digest, size: int) -> Way:
    """Make a file with these bytes visible at a path, whole; replace another file there.

    Args:
        source: A blob of the store.
        destination: Its directory is made where it is absent.
        mode: `link` allows a hard link (content-addressed paths only).
        digest: The sha256 that the bytes must have.
        size: The size that they must have.

    Returns:
        How the bytes came there; `present` when they were there already.

    Raises:
        IntegrityError: The source's bytes are not what was asked for; the path is as it was.
        PublishError: The disk refuses; the path is as it was.
    """
    expected = FileDigests(sha256=digest, sha512=None, size=size)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        sweep(destination.parent)
        if _is_present(destination, expected):
            return "present"
        if not source.is_file():
            raise PublishError(
                f"{digest} is not in the store", hint="run `python -m airgap fetch <site>` outside"
            )
        return _publish(source, destination, mode, expected)
    except OSError as error:
        raise refuse(destination, error) from error


def publish_bytes(data: bytes, destination: Path) -> Way:
    """Make a small file visible at a path, whole; the same bytes again change nothing.

    Raises:
        PublishError: The disk refuses; the path is as it was.
    """
    hasher = Hasher()
    hasher.update(data)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        sweep(destination.parent)
        if _is_present(destination, hasher.digests()):
            return "present"
    except OSError as error:
        raise refuse(destination, error) from error
    replace_bytes(destination, data)
    return "copy"


def _is_present(path: Path, expected: FileDigests) -> bool:
    """Tell whether a regular file with the expected bytes is there; see that it is 0444."""
    if path.is_symlink() or not path.exists():
        return False
    if not path.is_file():
        raise PublishError(f"{path} is there and no regular file", hint="move it out of the way")
    if path.stat().st_size != expected.size or hash_file(path) != expected:
        return False
    if path.stat().st_mode & 0o777 != PUBLISHED_MODE:
        path.chmod(PUBLISHED_MODE)
    return True


def _publish(source: Path, destination: Path, mode: Mode, expected: FileDigests) -> Way:
    with partial_file(destination.parent) as partial:
        if _clone(source, partial):
            _check(hash_file(partial.path), source, expected)
            partial.commit(destination)
            return "reflink"
    if mode == "link" and _link(source, destination, expected):
        return "link"
    with partial_file(destination.parent) as partial:
        _check(_copy(source, partial), source, expected)
        partial.commit(destination)
    return "copy"


def _check(found: FileDigests, source: Path, expected: FileDigests) -> None:
    if found != expected:
        raise IntegrityError(
            f"{source}: {found.size} bytes with {found.sha256},"
            f" expected {expected.size} with {expected.sha256}",
            hint="the store is damaged: run `python -m airgap fetch <site> --rehash` outside",
        )


def _clone(source: Path, partial: PartialFile) -> bool:
    """Share the source's extents, copy on write; False where the file system cannot."""
    with source.open("rb") as file:
        try:
            fcntl.ioctl(partial.descriptor, _FICLONE, file.fileno())
        except OSError as error:
            if error.errno in _CANNOT_CLONE:
                return False
            raise
    return True


def _link(source: Path, destination: Path, expected: FileDigests) -> bool:
    """Give the source a second name; False where the file system cannot."""
    _check(hash_file(source), source, expected)
    with source.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # both names are one file: no sweep takes the new one
        return _rename_link(source, destination)


def _rename_link(source: Path, destination: Path) -> bool:
    temporary = partial_path(destination.parent)
    try:
        os.link(source, temporary)
    except OSError as error:
        if error.errno in _CANNOT_LINK:
            return False
        raise
    try:
        temporary.chmod(PUBLISHED_MODE)
        temporary.rename(destination)
        sync_directory(destination.parent)
    finally:
        # Renaming one name of a file over another name of it does nothing: the first stays.
        temporary.unlink(missing_ok=True)
    return True


def _copy(source: Path, partial: PartialFile) -> FileDigests:
    hasher = Hasher()
    buffer = memoryview(bytearray(BUFFER_BYTES))
    with source.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            partial.write(buffer[:count])
            hasher.update(buffer[:count])
    return hasher.digests()
