"""A boot asset on its way from the factory: built first, which takes minutes, then sent whole.

No part of it can be asked for (image-factory v1.5.0 `internal/frontend/http`: no Accept-Ranges, no
ETag, no checksum): one that is cut off begins anew, and all there is to compare the bytes with is
their announced length. With an S3 cache the factory leads to another host (302); credentials do not
go there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

from airgap.errors import FactoryError, IntegrityError, UpstreamError, redact
from airgap.factory.channel import Channel, Question
from airgap.net import Patience, Sink, Target
from airgap.net.body import BUFFER_BYTES
from airgap.net.failure import WIRE_ERRORS, refuse_page, refused, unreachable
from airgap.net.redirect import follow_redirects, is_same_origin
from airgap.net.wire import Exchange

__all__ = ["AssetTransfer"]

_DETAIL_BYTES = 4096
_GATEWAY_TIMEOUT = 504
_A_WAIT_S = 10.0
"""A 504 that comes later than this is a proxy's that did not wait for the build."""


class AssetTransfer:
    """A file of the factory, whole and in order: nobody can help with it.

    Args:
        channel: The way to the factory.
        path: What it is asked for.
        into: What takes the bytes; what it holds of an earlier run is dropped.
        size: How many bytes there have to be; None when nobody knows.
        max_bytes: More is refused.
        patience: How long a build may take, and who hears of it.
        explain: Says more about a refusal.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        channel: Channel,
        path: str,
        into: Target | Sink,
        *,
        size: int | None,
        max_bytes: int,
        patience: Patience,
        explain: Callable[[FactoryError], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._url = channel.endpoint + path
        self._into = into
        self._size = size
        self._max_bytes = max_bytes
        self._patience = patience
        self._explain = explain
        self._clock = clock
        self._began = 0.0

    def help(self) -> bool:
        """Do nothing: a factory sends whole bodies only."""
        return False

    def run(self) -> None:
        """Wait until it is built, and stream it.

        Raises:
            FactoryError: Refused, out of reach, or the build failed.
            IntegrityError: Another size than `size`, or more than `max_bytes`.
        """
        self._began = self._clock()
        try:
            while not self._has_come():
                pass
        except FactoryError as error:
            self._explain(error)
            raise

    def _has_come(self) -> bool:
        """Ask once, with the usual repeats; False where a proxy did not wait for the build."""
        asked = self._clock()
        try:
            self._channel.run(self._stream)
        except FactoryError as error:
            waited = self._clock() - asked
            is_over = self._clock() - self._began >= self._patience.answer_s
            if error.status != _GATEWAY_TIMEOUT or waited < _A_WAIT_S or is_over:
                raise
            return False
        return True

    def _stream(self, question: Question, headers: Mapping[str, str]) -> None:
        self._into.restart()
        with self._open(question, headers) as exchange:
            length = self._accept(exchange)
            self._pump(exchange, length)

    def _open(self, question: Question, headers: Mapping[str, str]) -> Exchange:
        def ask(url: str, sent: Mapping[str, str]) -> Exchange:
            is_ours = is_same_origin(url, self._url)
            exchange = self._channel.open(url, sent, self._patient() if is_ours else None)
            if is_ours:
                self._channel.hear(question, exchange.headers)
            return exchange

        return follow_redirects(ask, "GET", self._url, headers, leave=_drop)

    def _patient(self) -> Patience:
        """Return the patience that is left, told of from the very beginning."""
        so_far = self._clock() - self._began
        told = self._patience.told
        return replace(
            self._patience,
            answer_s=max(1.0, self._patience.answer_s - so_far),
            told=lambda seconds: told(so_far + seconds),
        )

    def _accept(self, exchange: Exchange) -> int | None:
        """Return the announced length of an answer that is the file; None: in chunks.

        Raises:
            UpstreamError: It is something else.
            IntegrityError: It has another size than promised.
        """
        response = exchange.response
        if exchange.status != 200:
            raise self._refusal(exchange)
        refuse_page(self._url, exchange.headers)
        encoding = exchange.headers.get("content-encoding", "identity").lower()
        if encoding not in ("", "identity"):
            raise UpstreamError(
                f"{redact(self._url)}: sent with Content-Encoding {encoding[:40]}, not as it is",
                hint="a proxy before the factory compresses on the fly; switch that off",
            )
        if response.length is None and not response.chunked:
            raise UpstreamError(
                f"{redact(self._url)}: the answer does not say how long it is",
                hint="a proxy stands before the factory and takes the Content-Length away",
            )
        self._check(response.length)
        return response.length

    def _refusal(self, exchange: Exchange) -> UpstreamError:
        body = exchange.response.read(_DETAIL_BYTES)
        error = refused("GET", self._url, exchange.status, exchange.headers, body)
        if exchange.status == 500:
            error.retryable = False  # the build failed; it would take as long to fail again
        return error

    def _check(self, length: int | None) -> None:
        if length is None:
            return
        if not length:
            raise IntegrityError(f"{redact(self._url)}: the answer is empty")
        if self._size is not None and length != self._size:
            raise IntegrityError(f"{redact(self._url)}: has {length} bytes, expected {self._size}")
        if length > self._max_bytes:
            raise IntegrityError(f"{redact(self._url)}: {length} bytes, more than may be")

    def _pump(self, exchange: Exchange, length: int | None) -> None:
        view = memoryview(bytearray(BUFFER_BYTES))
        received = 0
        while True:
            try:
                count = exchange.readinto(view)
            except WIRE_ERRORS as error:
                raise unreachable(self._url, error) from error
            if not count:
                break
            if received + count > self._max_bytes:
                raise IntegrityError(f"{redact(self._url)}: more than {self._max_bytes} bytes")
            _hand_over(self._into, received, view[:count])
            received += count
        if length is not None and received < length:
            raise UpstreamError(
                f"{redact(self._url)}: the connection ended after {received} of {length} bytes",
                retryable=True,
            )
        self._check(received)


def _hand_over(into: Target | Sink, offset: int, data: memoryview) -> None:
    if hasattr(into, "missing"):
        cast("Target", into).write(offset, data)
    else:
        into.write(data)


def _drop(exchange: Exchange) -> None:
    with exchange:
        exchange.response.read(_DETAIL_BYTES)
