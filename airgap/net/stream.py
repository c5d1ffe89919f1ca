"""The data plane: one body of bytes, streamed into a target, continued where it stopped.

The bytes are not trusted: the target counts and hashes them. What is decided here is only whether
an answer can be the content at all, and whether a 206 really continues what is there (RFC 9110,
15.3.7): only with the very Content-Range asked for, and the validator the first bytes came with.
Any other answer to a Range starts over at the first byte; nothing is ever appended to it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from airgap.errors import AirgapError, IntegrityError, UpstreamError, redact
from airgap.net.body import BUFFER_BYTES
from airgap.net.failure import (
    WIRE_ERRORS,
    UnauthorizedError,
    refuse_page,
    refused,
    unreachable,
)
from airgap.net.parts import OPEN, Part, Parts
from airgap.net.redirect import follow_redirects
from airgap.net.target import Sink, Target, as_target
from airgap.net.wire import Exchange, Wire

__all__ = ["Attempt", "Download", "Run", "Transfer"]

Attempt = Callable[[Mapping[str, str]], None]
Run = Callable[[Attempt], None]

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)\Z")
_DETAIL_BYTES = 4096
_PROGRESS_BYTES = 1024 * 1024
_FAST = 64 * 1024 * 1024.0
_LEAST_S = 0.5
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_MOST_STARTS = 4
"""How often a body is begun again at its first byte before that counts as a failure."""


class Download:
    """One body on its way into a target.

    `attempt` may be called again after a retryable failure: it goes on with what is missing.
    Meanwhile other threads may `help`.

    Args:
        wire: The connections.
        url: Where the content is.
        target: What takes the bytes; a plain sink takes them in order.
        size: How many there have to be; None when nobody knows.
        max_bytes: More is refused, whatever the peer says.
        fast: Bytes a second from which on another connection is no help: there the processor or
            the disk is the limit, not what a server gives a connection.
    """

    def __init__(
        self,
        wire: Wire,
        url: str,
        target: Target | Sink,
        *,
        size: int | None,
        max_bytes: int,
        fast: float = _FAST,
    ) -> None:
        self._wire = wire
        self._url = url
        self._target = as_target(target, size)
        self._size = size
        self._limit = max_bytes if size is None else size
        self._parts = Parts(self._target.missing(), check=lambda: wire.traffic.wait(0))
        self._validator = self._target.validator
        self._has_ranges = False  # seen to work, so that a part may be split
        self._ignores_ranges = False
        self._is_alone = False  # another connection was refused, or brought what does not fit
        self._alone_until = 0.0
        self._pause_s = _FIRST_PAUSE_S
        self._starts = 0
        self._failure: AirgapError | None = None
        self._fast = fast
        self._began = time.monotonic()

    @property
    def received(self) -> int:
        """Bytes that came so far, by all connections."""
        return self._parts.received

    def attempt(self, headers: Mapping[str, str]) -> None:
        """Ask for what is missing and stream it; return when all has come.

        Raises:
            UpstreamError: No answer, a refusal (with its status), or the connection broke.
            IntegrityError: The peer has another size than promised.
        """
        while not self._parts.is_done():
            part = self._parts.claim()
            if part is None:
                self._parts.wait()
            else:
                self._stream(part, headers)
            if self._failure is not None:
                raise self._failure

    def help(self, headers: Mapping[str, str]) -> bool:
        """Stream a part of what another thread is at; False when that is not worth it.

        A connection that breaks is no failure here: what it did not bring is taken up again. After
        a refusal, or an answer that is not the part asked for, the first stream is left alone.

        Raises:
            UnauthorizedError: The headers are not, or no longer, good.
        """
        part = self._parts.split() if self._may_split else None
        if part is None:
            return False
        before = part.position
        try:
            self._stream(part, headers)
        except UnauthorizedError:
            raise
        except UpstreamError as error:
            self._wire.traffic.push_back(self._url, error)
            if error.status or not error.retryable:
                self.leave_alone()
            elif part.position == before:
                self._pause()
            return False
        except AirgapError as error:
            self._failure = error
        return True

    def leave_alone(self) -> None:
        """Have nobody help any more."""
        self._is_alone = True

    @property
    def is_splittable(self) -> bool:
        """Whether another connection could take a part of what is under way, and at once."""
        rate = self.received / max(_LEAST_S, time.monotonic() - self._began)
        is_worth_it = self._may_split and rate < self._fast and self._parts.is_splittable()
        return is_worth_it and self._wire.traffic.has_room(self._url)

    @property
    def _may_split(self) -> bool:
        if self._is_alone or self._ignores_ranges or not self._has_ranges:
            return False
        return time.monotonic() >= self._alone_until

    def _pause(self) -> None:
        """Let nobody help for a while, as a first stream that is not answered would wait, too."""
        self._alone_until = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def persist(self, run: Run) -> None:
        """Run attempts until all has come.

        Args:
            run: Runs an attempt with headers and repeats it a few times; those few count anew
                after a stretch that brought bytes, as on a link that breaks now and then.

        Raises:
            UpstreamError: As many tries in a row as `run` has brought nothing.
        """
        try:
            while True:
                before = self.received
                try:
                    run(self.attempt)
                    return
                except UpstreamError as error:
                    if not error.retryable or self.received - before < _PROGRESS_BYTES:
                        raise
        finally:
            self._parts.close()

    def open_at(self, offset: int, headers: Mapping[str, str]) -> Exchange:
        """Return the answer whose body goes from an offset to the end, for who reads it himself.

        The caller closes it. For a body of known size that has not been begun. Where the peer does
        not do ranges, the bytes before the offset are read and dropped.

        Raises:
            UpstreamError: No answer, a refusal, or one that does not begin where it should.
            IntegrityError: The peer has another size than promised.
        """
        part = Part(position=offset, end=OPEN if self._size is None else self._size)
        exchange = self._open(part, headers)
        try:
            self._refuse_other_than_content(part, exchange)
            self._place(part, exchange)
            if exchange.status == 200:  # also to a Range: the body from its first byte
                self._skip(exchange, offset)
        except BaseException:
            exchange.close()
            raise
        return exchange

    def _skip(self, exchange: Exchange, count: int) -> None:
        buffer = memoryview(bytearray(min(count, BUFFER_BYTES)))
        while count:
            try:
                got = exchange.readinto(buffer[:count])
            except WIRE_ERRORS as error:
                raise unreachable(self._url, error) from error
            if not got:
                raise UpstreamError(f"{redact(self._url)}: the connection ended", retryable=True)
            count -= got

    def _stream(self, part: Part, headers: Mapping[str, str]) -> None:
        is_whole = False
        try:
            with self._open(part, headers) as exchange:
                is_whole = self._has_no_more(part, exchange)
                if not is_whole:
                    self._refuse_other_than_content(part, exchange)
                    self._place(part, exchange)
                    is_whole = self._pump(part, exchange)
        finally:
            self._parts.release(part, is_whole=is_whole)

    def _open(self, part: Part, headers: Mapping[str, str]) -> Exchange:
        wanted = {"Accept-Encoding": "identity", "User-Agent": "sidero-airgap", **headers}
        wanted |= self._range(part)
        return follow_redirects(
            lambda target, sent: self._wire.open("GET", target, headers=sent),
            "GET",
            self._url,
            wanted,
            leave=_drop,
        )

    def _range(self, part: Part) -> dict[str, str]:
        """Return the headers that ask for a part; none for a body from its beginning."""
        is_last = part.end in (OPEN, self._size)
        if not part.position and is_last:
            return {}
        if self._ignores_ranges:
            self._start_over(part)
            return {}
        end = "" if is_last else part.end - 1
        fields = {"Range": f"bytes={part.position}-{end}"}
        return fields | ({"If-Range": self._validator} if self._validator else {})

    def _has_no_more(self, part: Part, exchange: Exchange) -> bool:
        """Tell whether a body of unknown size was there whole already (RFC 9110, 15.5.17)."""
        stated = exchange.headers.get("content-range", "")
        is_open = part.end == OPEN and part.position > 0
        return exchange.status == 416 and is_open and stated == f"bytes */{part.position}"

    def _refuse_other_than_content(self, part: Part, exchange: Exchange) -> None:
        if exchange.status == 416:  # another length than before: nothing of it can be continued
            self._distrust(part)
            raise UpstreamError(f"{redact(self._url)}: has no such range", retryable=True)
        if exchange.status not in (200, 206):
            body = exchange.response.read(_DETAIL_BYTES)
            raise refused("GET", exchange.url, exchange.status, exchange.headers, body)
        refuse_page(exchange.url, exchange.headers)
        encoding = exchange.headers.get("content-encoding", "identity").lower()
        if encoding not in ("", "identity"):
            raise UpstreamError(
                f"{redact(self._url)}: sent with Content-Encoding {encoding}, not as it is",
                hint="the server or a proxy compresses on the fly; switch that off for this path",
            )

    def _place(self, part: Part, exchange: Exchange) -> None:
        """See where in the body an answer begins, and that it fits what is there."""
        etag = exchange.headers.get("etag", "")
        etag = etag if etag.startswith('"') else ""
        if exchange.status == 206:
            self._continue(part, exchange, etag)
            return
        if part.position or part.end not in (OPEN, self._size):
            self._start_over(part)  # 200 to a Range: the body from its first byte
        self._check_total(exchange.response.length)
        self._has_ranges |= exchange.headers.get("accept-ranges", "").lower() == "bytes"
        if etag != self._validator:
            self._validator = etag
            self._target.note(validator=etag)

    def _continue(self, part: Part, exchange: Exchange, etag: str) -> None:
        stated = exchange.headers.get("content-range", "")
        match = _CONTENT_RANGE.match(stated)
        if match is None or int(match[1]) != part.position:
            self._distrust(part)
            raise UpstreamError(
                f"{redact(self._url)}: answered 206 with Content-Range {stated!r}, "
                f"asked for byte {part.position}",
                retryable=self._starts < _MOST_STARTS,
            )
        if self._validator and etag and etag != self._validator:
            self._distrust(part)
            raise UpstreamError(
                f"{redact(self._url)}: changed from {self._validator} to {etag}",
                retryable=self._starts < _MOST_STARTS,
            )
        if match[3] != "*":
            self._check_total(int(match[3]))
        self._has_ranges = True

    def _distrust(self, part: Part) -> None:
        """Ask for no ranges any more; after a helper's, leave the first stream as it is."""
        self.leave_alone()
        self._ignores_ranges |= not part.is_helped

    def _start_over(self, part: Part) -> None:
        """Begin again at the first byte: the one stream that all depends on may do that."""
        if part.is_helped:
            self.leave_alone()
            raise UpstreamError(f"{redact(self._url)}: answers a Range with all", retryable=True)
        self._starts += 1
        if self._starts > _MOST_STARTS:
            raise UpstreamError(
                f"{redact(self._url)}: broke off {_MOST_STARTS} times, "
                "and cannot be continued in the middle",
                hint="the server does not do ranges (RFC 9110, 14): a steadier link is needed",
            )
        self._has_ranges = False
        end = OPEN if self._size is None else self._size
        self._parts.restart(part, end, self._target.restart)

    def _check_total(self, total: int | None) -> None:
        if total is None:
            return
        if (self._size is not None and total != self._size) or total > self._limit:
            expected = f"expected {self._size}" if self._size is not None else "too many"
            raise IntegrityError(f"{redact(self._url)}: has {total} bytes, {expected}")

    def _pump(self, part: Part, exchange: Exchange) -> bool:
        """Move an answer's bytes; tell whether a body of unknown size has ended."""
        left = exchange.response.length
        view = memoryview(bytearray(BUFFER_BYTES))
        while room := self._parts.room(part, len(view)):
            is_last = part.end in (OPEN, self._size)  # else: nothing that another one streams
            try:
                count = exchange.readinto(view if is_last else view[:room])
            except WIRE_ERRORS as error:
                raise unreachable(self._url, error) from error
            if not count:
                break
            left = None if left is None else left - count
            if self._take(part, view[:count]):
                return False
        if not room:  # it was taken away
            return False
        if left or part.end < OPEN:
            raise UpstreamError(
                f"{redact(self._url)}: the connection ended after {part.position} bytes",
                retryable=True,
            )
        return True

    def _take(self, part: Part, data: memoryview) -> bool:
        """Hand bytes to the target; tell whether the part is done (or taken away)."""
        if part.end == OPEN and part.position + len(data) > self._limit:
            raise IntegrityError(f"{redact(self._url)}: more than {self._limit} bytes")
        room = self._parts.grant(part, len(data))
        if not room:
            return True
        self._target.write(part.position, data[:room])
        is_done = self._parts.advance(part, room)
        return is_done or room < len(data)  # what was dropped this answer does not bring again


def _drop(exchange: Exchange) -> None:
    with exchange:
        exchange.response.read(_DETAIL_BYTES)


class Transfer:
    """A download, and how its attempts are run (authorized, repeated, within the host's limits).

    Args:
        download: What is streamed.
        run: Runs an operation that takes headers, and repeats it where that is safe.
    """

    def __init__(self, download: Download, run: Run) -> None:
        self._download = download
        self._run = run

    def run(self) -> None:
        """Stream everything that is missing.

        Raises:
            UpstreamError: As many tries in a row as are made brought nothing.
            IntegrityError: The peer has another size than promised.
        """
        self._download.persist(self._run)

    def help(self) -> bool:
        """Stream a part from another thread; False when that is not worth it."""
        if not self._download.is_splittable:
            return False
        helped: list[bool] = []
        try:
            self._run(lambda headers: helped.append(self._download.help(headers)))
        except UpstreamError:  # no token, or no more requests: the first stream hears of it, too
            self._download.leave_alone()
        return any(helped)
