"""Boot assets by origin: a release's, a factory's, and the author's own beside the stack file.

The origin of the latter is written `file:<path>`, the path as the site has it.
The bytes are as little trusted as upstream's: whoever takes them hashes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import unquote

from airgap.errors import IntegrityError, UpstreamError
from airgap.factory import FactoryClient
from airgap.net import Sink, Target
from airgap.net.origins import Origins
from airgap.talos import parse_factory_url

__all__ = ["Beside", "Moving", "is_beside"]

_SCHEME = "file:"
_BUFFER_BYTES = 1024 * 1024
_AGAIN = "run: python -m airgap lock <site>, where the file is"


def is_beside(url: str) -> bool:
    """Tell whether an origin is a file of the author's own."""
    return url.startswith(_SCHEME)


class Moving(Protocol):
    """Bytes on their way into a target (`airgap.net.Transfer`)."""

    def run(self) -> None:
        """Stream everything that is missing."""

    def help(self) -> bool:
        """Stream a part from another thread; False when that is not worth it."""


class Beside:
    """Files by their origin: of upstream, or beside the stack file. Thread-safe.

    Args:
        origins: Upstream.
        folder: The stack file's; without one, no file of the author's own can be read.
        factory: Makes what has its origin at the public factory.
    """

    def __init__(
        self, origins: Origins, folder: Path | None, factory: FactoryClient | None = None
    ) -> None:
        self._origins = origins
        self._folder = folder
        self.factory = factory

    def read(self, url: str, *, max_bytes: int) -> bytes:
        """Return a small file of upstream: see `Origins.read`."""
        return self._origins.read(url, max_bytes=max_bytes)

    def download(self, url: str, into: Target | Sink, *, size: int | None, max_bytes: int) -> None:
        """Stream a file into a target or sink: see `transfer`."""
        self.transfer(url, into, size=size, max_bytes=max_bytes).run()

    def transfer(
        self, url: str, into: Target | Sink, *, size: int | None, max_bytes: int
    ) -> Moving:
        """Return the transfer of a file, to be run.

        Running it raises:
            UpstreamError: Not there, or out of reach.
            IntegrityError: Another size than `size`, or more than `max_bytes`.
        """
        made = parse_factory_url(url)
        if made is not None and self.factory is not None:
            return self.factory.transfer(made, into, size=size, max_bytes=max_bytes)
        if not is_beside(url):
            return self._origins.transfer(url, into, size=size, max_bytes=max_bytes)
        if self._folder is None:
            raise UpstreamError(f"{url} is beside the stack file, which is not at hand")
        path = self._folder / unquote(url.removeprefix(_SCHEME))
        return _Copy(path, into, size=size, max_bytes=max_bytes)


class _Copy:
    """A file of this machine, whole and in order."""

    def __init__(
        self, path: Path, into: Target | Sink, *, size: int | None, max_bytes: int
    ) -> None:
        self._path = path
        self._into = into
        self._size = size
        self._max_bytes = max_bytes

    def run(self) -> None:
        self._into.restart()
        offset = 0
        for data in self._pieces():
            _hand_over(self._into, offset, data)
            offset += len(data)

    def help(self) -> bool:
        return False

    def _pieces(self) -> Iterator[memoryview]:
        try:
            with self._path.open("rb") as file:
                self._check(self._path.stat().st_size)
                while data := file.read(_BUFFER_BYTES):
                    yield memoryview(data)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UpstreamError(f"{self._path}: {reason}", hint="put the file there") from error

    def _check(self, found: int) -> None:
        if self._size is not None and found != self._size:
            message = f"{self._path} has {found} bytes, the lock says {self._size}"
            raise IntegrityError(message, hint=_AGAIN)
        if found > self._max_bytes:
            raise IntegrityError(f"{self._path}: more than {self._max_bytes} bytes")


def _hand_over(into: Target | Sink, offset: int, data: memoryview) -> None:
    if hasattr(into, "missing"):
        cast("Target", into).write(offset, data)
    else:
        into.write(data)
