"""Files on their way out: opened, checked, and read in big pieces.

A blob of another size than its descriptor says is never served. A boot asset is hashed before its
first byte goes out, and again whenever its file changed (inode, size, times), since Sidero's
controller checks nothing itself. Layers are not hashed here: whoever pulls one verifies it.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from airgap.digest import Digest
from airgap.errors import IntegrityError
from airgap.serve.ranges import Part
from airgap.store import hash_file

__all__ = ["CHUNK_BYTES", "CheckedFiles", "FileBody", "Sender", "open_blob"]

CHUNK_BYTES = 1024 * 1024


class Sender(Protocol):
    """Sends parts of files past the server's buffer (`airgap.serve.sending`)."""

    def send_file(self, descriptor: int, start: int, length: int) -> int:
        """Send a part of an open file; return how many bytes there were."""


class FileBody:
    """A part of an open file as a WSGI body; the server closes it.

    Args:
        descriptor: The open file.
        part: Which part of it.
        sender: Sends it when the body is asked for, so that the server has nothing to copy; without
            one it comes in pieces.
    """

    def __init__(self, descriptor: int, part: Part, sender: Sender | None = None) -> None:
        self.descriptor = descriptor
        self.part = part
        self._sender = sender

    def __iter__(self) -> Iterator[bytes]:
        """Yield the part in pieces, or have it sent and yield nothing.

        Raises:
            IntegrityError: The file became shorter meanwhile; the connection has to be cut.
        """
        position, end = self.part.start, self.part.start + self.part.length
        if self._sender is not None:
            position += self._sender.send_file(self.descriptor, position, self.part.length)
        while position < end:
            data = os.pread(self.descriptor, min(CHUNK_BYTES, end - position), position)
            if not data or self._sender is not None:
                raise IntegrityError(f"a file being served ended at byte {position}")
            position += len(data)
            yield data

    def close(self) -> None:
        """Close the file; again does nothing."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def open_blob(path: Path, size: int) -> int:
    """Open a blob whose size is known; return its file descriptor.

    Raises:
        IntegrityError: It is missing, or has another size.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _damaged(path, error.strerror or "cannot be opened") from error
    found = os.fstat(descriptor).st_size
    if found != size:
        os.close(descriptor)
        raise _damaged(path, f"{found} bytes instead of {size}")
    return descriptor


class CheckedFiles:
    """Remembers which files were hashed as they are now. Thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
        self._checked: dict[Path, tuple[int, ...]] = {}

    def check(self, path: Path, sha256: Digest) -> None:
        """Hash a file unless that was done since it last changed.

        Raises:
            IntegrityError: Its bytes are not the expected ones, or it cannot be read.
        """
        with self._guard:
            lock = self._locks[path]
        with lock:  # many servers boot at once: one of them hashes, the others wait
            try:
                if self._checked.get(path) == (state := _state(path)):
                    return
                if hash_file(path).sha256 != sha256:
                    raise _damaged(path, "its bytes have changed")
            except OSError as error:
                raise _damaged(path, error.strerror or "cannot be read") from error
            self._checked[path] = state


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _damaged(path: Path, reason: str) -> IntegrityError:
    return IntegrityError(
        f"blob {path.parent.name}:{path.name} in the store is damaged: {reason}",
        hint="the store is damaged: run `python -m airgap fetch <site> --rehash` outside",
    )
