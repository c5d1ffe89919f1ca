"""The line to a simulator: how long a request takes to arrive, how fast a connection's bytes pass,
and where a request's body is cut.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Protocol

__all__ = ["Intake", "Link", "hang_up"]

_STEP_BYTES = 64 * 1024


@dataclass(slots=True, kw_only=True)
class Link:
    """How good the line is; may be changed while the simulator runs.

    Attributes:
        latency_s: What each request waits before it is answered.
        bytes_per_s: How fast each connection's bytes pass, in either direction; 0 is unlimited.
    """

    latency_s: float = 0.0
    bytes_per_s: float = 0.0

    def wait(self) -> None:
        """Let a request take its time to arrive."""
        if self.latency_s:
            sleep(self.latency_s)

    def slow(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass a body on at the line's speed."""
        meter = _Meter(self.bytes_per_s)
        for chunk in chunks:
            for start in range(0, len(chunk), meter.step(len(chunk))):
                piece = chunk[start : start + meter.step(len(chunk))]
                meter.pass_on(len(piece))
                yield piece


class _Meter:
    def __init__(self, bytes_per_s: float) -> None:
        self._rate = bytes_per_s
        self._began = monotonic()
        self._passed = 0

    def step(self, size: int) -> int:
        """Return in pieces of what size so many bytes pass."""
        return _STEP_BYTES if self._rate else max(size, 1)

    def pass_on(self, count: int) -> None:
        """Wait until so many bytes have passed."""
        if self._rate:
            self._passed += count
            sleep(max(0.0, self._began + self._passed / self._rate - monotonic()))


class Input(Protocol):
    """A request's body, as WSGI gives it."""

    def read(self, size: int = -1, /) -> bytes:
        """Read at most so many bytes; fewer only at the end."""

    def readline(self, size: int = -1, /) -> bytes:
        """Read a line."""


class Intake:
    """A request's body on its way in: counted, at the line's speed, cut where a fault says so.

    Args:
        body: As the server gives it.
        link: The line.
        count: Told of the bytes as they come.
        cut_after: Hang up after so many bytes; negative for never.
    """

    def __init__(
        self, body: Input, link: Link, count: Callable[[int], None], *, cut_after: int
    ) -> None:
        self._body = body
        self._meter = _Meter(link.bytes_per_s)
        self._count = count
        self._left = cut_after
        self.is_cut = False

    def read(self, size: int = -1) -> bytes:
        """Read some bytes; all that are left when `size` is negative."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_STEP_BYTES), b""))
        wanted = min(size, self._meter.step(size))
        if self._left >= 0:
            if self._left == 0 and size:
                self.is_cut = True
                raise hang_up()
            wanted = min(wanted, self._left)
        data = self._body.read(wanted)
        self._left -= len(data) if self._left >= 0 else 0
        self._meter.pass_on(len(data))
        self._count(len(data))
        return data

    def readline(self, size: int = -1) -> bytes:
        """Read a line; only forms are read by lines."""
        data = self._body.readline(size)
        self._count(len(data))
        return data


def hang_up() -> ConnectionResetError:
    """Return the error on which cheroot closes the connection without another word."""
    return ConnectionResetError(errno.ECONNRESET, "the lab hangs up")
