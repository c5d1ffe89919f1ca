"""Files by their public URL, read from where the site says they are (`site.upstream`).

A redirect replaces the beginning of a URL: with `https://github.com` → `https://cache.example/gh`,
`https://github.com/siderolabs/talos/…` is read at `https://cache.example/gh/siderolabs/talos/…`.
The public URL stays the file's name everywhere else.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from airgap.net.retry import RetryPolicy
from airgap.net.stream import Attempt, Download, Transfer
from airgap.net.target import Sink, Target
from airgap.net.tls import client_context
from airgap.net.traffic import Traffic
from airgap.net.wire import Wire

__all__ = ["Origins", "Source"]


class Source(Protocol):
    """Where something is read instead."""

    @property
    def url(self) -> str:
        """What the public URL's beginning is replaced with."""

    @property
    def ca(self) -> str | None:
        """PEM to trust there instead of the machine's authorities."""


@dataclass(frozen=True, slots=True)
class _Place:
    url: str
    ca: str | None


class Origins:
    """Downloads by public URL. Thread-safe; `close` it, or use it as a context manager.

    Args:
        redirects: By the beginning of the public URL, at a `/` boundary; the longest counts.
        retry: How patiently to repeat.
        traffic: The run's; unlimited and uncounted by default.
    """

    def __init__(
        self,
        redirects: Mapping[str, Source] | None = None,
        *,
        retry: RetryPolicy | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self._redirects = {begin.rstrip("/"): source for begin, source in (redirects or {}).items()}
        self._traffic = traffic or Traffic(most_per_host=None)
        self._retry = self._traffic.counted(retry or RetryPolicy())
        self._wires: dict[str | None, Wire] = {}
        self._lock = threading.Lock()

    def download(self, url: str, into: Target | Sink, *, size: int | None, max_bytes: int) -> None:
        """Stream the file of a public URL into a target or sink.

        A broken connection is continued behind what is there already.

        Raises:
            UpstreamError: Not there (`.status` 404), refused, or out of reach.
            IntegrityError: Another size than `size`, or more than `max_bytes`.
        """
        self.transfer(url, into, size=size, max_bytes=max_bytes).run()

    def transfer(
        self, url: str, into: Target | Sink, *, size: int | None, max_bytes: int
    ) -> Transfer:
        """Return the transfer of a file, to be run; other threads may help with it."""
        place = self._locate(url)
        wire = self._wire(place.ca)
        download = Download(wire, place.url, into, size=size, max_bytes=max_bytes)

        def attempt(step: Attempt) -> None:
            with self._traffic.attempt(place.url):
                step({})

        return Transfer(download, lambda step: self._retry.run(lambda: attempt(step)))

    def read(self, url: str, *, max_bytes: int) -> bytes:
        """Return a small file of a public URL.

        Raises:
            UpstreamError: Not there (`.status` 404), refused, or out of reach.
            IntegrityError: More than `max_bytes`.
        """
        buffer = _Buffer()
        self.download(url, buffer, size=None, max_bytes=max_bytes)
        return bytes(buffer.data)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            wires = list(self._wires.values())
            self._wires.clear()
        for wire in wires:
            wire.close()

    def __enter__(self) -> Self:
        """Enter."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def _locate(self, url: str) -> _Place:
        fitting = [begin for begin in self._redirects if f"{url}/".startswith(f"{begin}/")]
        if not fitting:
            return _Place(url, None)
        begin = max(fitting, key=len)
        source = self._redirects[begin]
        return _Place(source.url.rstrip("/") + url[len(begin) :], source.ca)

    def _wire(self, ca: str | None) -> Wire:
        with self._lock:
            if ca not in self._wires:
                self._wires[ca] = Wire(client_context(ca), traffic=self._traffic)
            return self._wires[ca]


class _Buffer:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: memoryview) -> None:
        self.data += data

    def restart(self) -> None:
        self.data.clear()
