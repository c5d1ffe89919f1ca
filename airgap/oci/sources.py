"""Where a blob's bytes come from when it is uploaded, and who remembers unfinished uploads.

`FileSource` reads what the store holds. A copy from another registry brings its own source, which
hashes what it passes on: it has to raise `IntegrityError` before it gives its last bytes when they
turn out wrong, so that the registry never has them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from airgap.digest import Digest
from airgap.net import Body, FileBody
from airgap.net.body import BytesBody

__all__ = ["BlobSource", "BytesSource", "FileSource", "UploadSessions"]


class BlobSource(Protocol):
    """What gives a blob's bytes."""

    @property
    def can_seek(self) -> bool:
        """Whether a body may begin behind the first byte."""

    def body(self, offset: int) -> AbstractContextManager[Body]:
        """Give the bytes from `offset` to the end.

        Raises:
            IntegrityError: They are not the blob's; while the body is sent, at its last byte at
                the latest.
        """


class UploadSessions(Protocol):
    """The record of uploads under way; it outlives the process that keeps it."""

    def find(self, repository: str, digest: Digest) -> str | None:
        """Return the Location of a blob's upload under way."""

    def keep(self, repository: str, digest: Digest, location: str) -> None:
        """Record where a blob's upload goes on."""

    def drop(self, repository: str, digest: Digest) -> None:
        """Forget a blob's upload: it is finished, or cannot go on."""


class FileSource:
    """A blob in a file, which was verified when it came there.

    Args:
        path: The file.
        told: Called with the number of bytes of each step that was sent.
    """

    can_seek = True

    def __init__(self, path: Path, *, told: Callable[[int], object] = lambda _: None) -> None:
        self._path = path
        self._told = told

    @contextmanager
    def body(self, offset: int) -> Iterator[Body]:
        """Give the file's bytes from `offset` on."""
        yield FileBody(self._path, offset, told=self._told)


class BytesSource:
    """A small blob in memory, which was made here.

    Args:
        data: The whole.
        told: Called with the number of bytes that were given.
    """

    can_seek = True

    def __init__(self, data: bytes, *, told: Callable[[int], object] = lambda _: None) -> None:
        self._data = data
        self._told = told

    @contextmanager
    def body(self, offset: int) -> Iterator[Body]:
        """Give the bytes from `offset` on."""
        yield BytesBody(self._data[offset:])
        self._told(len(self._data) - offset)
