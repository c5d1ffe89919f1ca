"""The data plane: one body of bytes, streamed into a sink, continued where a connection broke.

The bytes are not trusted: the sink counts and hashes them. What is decided here is only whether an
answer can be the content at all, and whether a 206 really continues (RFC 9110, 15.3.7).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from airgap.errors import IntegrityError, UpstreamError, redact
from airgap.net.failure import WIRE_ERRORS, refuse_page, refused, unreachable
from airgap.net.redirect import MAX_REDIRECTS, REDIRECTS, follow, headers_for
from airgap.net.wire import BUFFER_BYTES, Exchange, Wire

__all__ = ["Download", "Sink"]

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")
_DETAIL_BYTES = 4096


class Sink(Protocol):
    """What takes the bytes, in order."""

    def write(self, data: memoryview, /) -> object:
        """Take some bytes; they are only valid during the call."""


class Download:
    """One body on its way into a sink.

    `attempt` may be called again after a retryable failure: it goes on behind the bytes that the
    sink already has. `offset` counts those.

    Args:
        wire: The connections.
        url: Where the content is.
        sink: What takes the bytes.
        size: How many there have to be; None when nobody knows.
        max_bytes: More is refused, whatever the peer says.
    """

    def __init__(
        self, wire: Wire, url: str, sink: Sink, *, size: int | None, max_bytes: int
    ) -> None:
        self._wire = wire
        self._url = url
        self._sink = sink
        self._size = size
        self._limit = max_bytes if size is None else size
        self._validator = ""
        self.offset = 0

    def attempt(self, headers: Mapping[str, str]) -> None:
        """Ask for the (rest of the) body and stream it.

        Raises:
            UpstreamError: No answer, a refusal (with its status), or the connection broke.
            IntegrityError: The peer has another size than promised.
        """
        with self._open(headers) as exchange:
            self._refuse_other_than_content(exchange)
            skip = self._skip(exchange)
            self._check_length(exchange, skip)
            self._pump(exchange, skip)

    def _open(self, headers: Mapping[str, str]) -> Exchange:
        wanted = {"Accept-Encoding": "identity", "User-Agent": "sidero-airgap", **headers}
        if self.offset:
            wanted["Range"] = f"bytes={self.offset}-"
            if self._validator:
                wanted["If-Range"] = self._validator
        target = self._url
        for _ in range(MAX_REDIRECTS + 1):
            sent = headers_for(target, self._url, wanted)
            exchange = self._wire.open("GET", target, headers=sent)
            if exchange.status not in REDIRECTS:
                return exchange
            with exchange:
                target = follow(target, exchange.headers.get("location", ""))
                exchange.response.read(_DETAIL_BYTES)
        raise UpstreamError(f"{redact(self._url)}: more than {MAX_REDIRECTS} redirects")

    def _refuse_other_than_content(self, exchange: Exchange) -> None:
        if exchange.status not in (200, 206):
            body = exchange.response.read(_DETAIL_BYTES)
            raise refused("GET", self._url, exchange.status, exchange.headers, body)
        refuse_page(self._url, exchange.headers)
        encoding = exchange.headers.get("content-encoding", "identity").lower()
        if encoding not in ("", "identity"):
            raise UpstreamError(
                f"{redact(self._url)}: sent with Content-Encoding {encoding}, not as it is",
                hint="the server or a proxy compresses on the fly; switch that off for this path",
            )
        etag = exchange.headers.get("etag", "")
        self._validator = etag if etag.startswith('"') else ""

    def _skip(self, exchange: Exchange) -> int:
        """Return how many bytes of this answer the sink already has."""
        if exchange.status == 200:
            return self.offset
        match = _CONTENT_RANGE.match(exchange.headers.get("content-range", ""))
        if not self.offset or match is None or int(match[1]) != self.offset:
            raise UpstreamError(
                f"{redact(self._url)}: answered 206 with Content-Range "
                f"{exchange.headers.get('content-range', '')!r}, asked for byte {self.offset}"
            )
        return 0

    def _check_length(self, exchange: Exchange, skip: int) -> None:
        stated = exchange.response.length
        if stated is None:
            return
        total = stated + self.offset - skip
        if (self._size is not None and total != self._size) or total > self._limit:
            expected = f"expected {self._size}" if self._size is not None else "too many"
            raise IntegrityError(f"{redact(self._url)}: has {total} bytes, {expected}")

    def _pump(self, exchange: Exchange, skip: int) -> None:
        response = exchange.response
        left = response.length
        buffer = bytearray(BUFFER_BYTES)
        view = memoryview(buffer)
        while True:
            try:
                count = response.readinto(buffer)
            except WIRE_ERRORS as error:
                raise unreachable(self._url, error) from error
            if not count:
                break
            left = None if left is None else left - count
            dropped = min(skip, count)
            skip -= dropped
            self._take(view[dropped:count])
        if left or (self._size is not None and self.offset < self._size):
            raise UpstreamError(
                f"{redact(self._url)}: the connection ended after {self.offset} bytes",
                retryable=True,
            )

    def _take(self, data: memoryview) -> None:
        if self.offset + len(data) > self._limit:
            raise IntegrityError(f"{redact(self._url)}: more than {self._limit} bytes")
        self._sink.write(data)
        self.offset += len(data)
