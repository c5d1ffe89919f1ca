"""The system calls a reception makes: the seam where tests let the power fail or the disk fill up.

What the calls promise is POSIX's (fsync, fdatasync, rename) and Linux' (flock): written bytes
survive a power cut once the file is synced, names once their directory is. No policy here.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from airgap.store.partial import PUBLISHED_MODE, sync_directory

__all__ = ["Disk"]

_BOOT = Path("/proc/sys/kernel/random/boot_id")  # Linux, proc_sys_kernel(5)
_NO_RESERVE = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


class Disk:
    """The disk by file descriptors and offsets. Thread-safe; every method raises OSError."""

    def boot(self) -> str:
        """Return what names this run of the kernel; "" where nothing does."""
        try:
            return _BOOT.read_text().strip()
        except OSError:
            return ""

    def open(self, path: Path, *, create: bool = True) -> int:
        """Open a file to read and write; make it where it is absent."""
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        return os.open(path, flags | (os.O_CREAT if create else 0), 0o600)

    def close(self, descriptor: int) -> None:
        """Close a file, and let go of its lock."""
        os.close(descriptor)

    def lock(self, descriptor: int) -> bool:
        """Take a file for this holder alone; False when another one has it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def status(self, descriptor: int) -> os.stat_result:
        """Return an open file's status."""
        return os.fstat(descriptor)

    def write(self, descriptor: int, data: memoryview, offset: int) -> None:
        """Write all the bytes at an offset."""
        while data:
            count = os.pwrite(descriptor, data, offset)
            data, offset = data[count:], offset + count

    def read(self, descriptor: int, buffer: memoryview, offset: int) -> int:
        """Read into a buffer from an offset; return how many bytes came, 0 at the end."""
        return os.preadv(descriptor, [buffer], offset)

    def reserve(self, descriptor: int, size: int) -> None:
        """Take the room for a file now, so that a full disk is known before the first byte.

        A file system without a disk of its own (memory, network, overlay) would fill the room with
        zeros, or cannot take it: it is asked how much it has.
        """
        if os.major(os.fstat(descriptor).st_dev) == 0:
            room = os.fstatvfs(descriptor)
            if size > room.f_bavail * room.f_frsize:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in _NO_RESERVE:
                raise

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file off."""
        os.ftruncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        """Return when the bytes of a file, and its size, are on the disk."""
        os.fdatasync(descriptor)

    def seal(self, descriptor: int) -> None:
        """Make a file read-only; return when it is on the disk with all that is known of it."""
        os.fchmod(descriptor, PUBLISHED_MODE)
        os.fsync(descriptor)

    def rename(self, source: Path, destination: Path) -> None:
        """Give a file another name, replacing what had it."""
        source.rename(destination)

    def remove(self, path: Path) -> None:
        """Remove a name; one that is not there is no error."""
        path.unlink(missing_ok=True)

    def sync_directory(self, path: Path) -> None:
        """Return when the names in a directory are on the disk."""
        sync_directory(path)
