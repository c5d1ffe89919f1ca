"""What goes out: a request's body, from a file or from whatever another peer sends.

A file's bytes go from the page cache to a plain socket without passing through Python (sendfile);
over TLS they cannot. Every byte is paced and counted where it leaves.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from airgap.errors import IntegrityError
from airgap.net.traffic import Traffic

__all__ = ["BUFFER_BYTES", "Body", "BytesBody", "FileBody", "Reader", "StreamBody"]

BUFFER_BYTES = 1024 * 1024
_FILE_BYTES = 4 * BUFFER_BYTES
"""What sendfile gets at once: it needs no buffer of ours."""


Told = Callable[[int], object]


def _nobody(_count: int) -> None:
    """Hear of bytes and do nothing."""


class Reader(Protocol):
    """What gives a stream's bytes, in order."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill (a part of) the buffer; 0 at the end."""


class Body(Protocol):
    """A request's body of a known size."""

    @property
    def size(self) -> int:
        """How many bytes it has: the Content-Length."""

    @property
    def is_repeatable(self) -> bool:
        """Whether it can be sent again from its beginning."""

    def send(self, connection: socket.socket, traffic: Traffic) -> None:
        """Send all of it."""


class BytesBody:
    """A few bytes in memory."""

    is_repeatable = True

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def send(self, connection: socket.socket, traffic: Traffic) -> None:
        """Send them."""
        if self._data:
            traffic.pace.take(self.size)
            connection.sendall(self._data)
            traffic.counts.sent(self.size)


class FileBody:
    """The bytes of a file from an offset on.

    Args:
        path: The file; it must not change meanwhile.
        offset: Where to begin.
        length: How many bytes; to the file's end by default.
        told: Called with the number of bytes of each step that was sent.
    """

    is_repeatable = True

    def __init__(
        self,
        path: Path,
        offset: int = 0,
        length: int | None = None,
        *,
        told: Told = _nobody,
    ) -> None:
        self._path = path
        self._told = told
        self._offset = offset
        self.size = path.stat().st_size - offset if length is None else length

    def send(self, connection: socket.socket, traffic: Traffic) -> None:
        """Send the bytes: by sendfile where the socket is plain."""
        position, end = self._offset, self._offset + self.size
        with self._path.open("rb", buffering=0) as file:
            is_plain = not isinstance(connection, ssl.SSLSocket)
            buffer = memoryview(bytearray(0 if is_plain else min(self.size, BUFFER_BYTES)))
            file.seek(position)
            while position < end:
                step = _FILE_BYTES if is_plain else len(buffer)
                wanted = min(traffic.pace.portion(step), end - position)
                traffic.pace.take(wanted)
                if is_plain:
                    count = connection.sendfile(file, position, wanted)
                else:
                    count = file.readinto(buffer[:wanted])
                    connection.sendall(buffer[:count])
                if not count:
                    raise IntegrityError(f"{self._path} ends at byte {position}, not at {end}")
                position += count
                traffic.counts.sent(count)
                self._told(count)


class StreamBody:
    """Bytes that come from elsewhere while they are sent.

    Args:
        reader: Where they come from.
        size: How many there will be.
        told: Called with the number of bytes of each step that was sent.
    """

    is_repeatable = False

    def __init__(self, reader: Reader, size: int, *, told: Told = _nobody) -> None:
        self._reader = reader
        self._told = told
        self.size = size

    def send(self, connection: socket.socket, traffic: Traffic) -> None:
        """Pass the bytes on as they come.

        Raises:
            IntegrityError: There are fewer than announced.
        """
        buffer = memoryview(bytearray(min(BUFFER_BYTES, self.size)))
        left = self.size
        while left:
            wanted = min(traffic.pace.portion(len(buffer)), left)
            count = self._reader.readinto(buffer[:wanted])
            if not count:
                raise IntegrityError(f"the source ended {left} bytes before its {self.size}")
            traffic.pace.take(count)
            connection.sendall(buffer[:count])
            left -= count
            traffic.counts.sent(count)
            self._told(count)
