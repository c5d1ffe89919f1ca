"""Plain HTTP/1.1 connections for bulk bytes and many small answers, kept open and used again.

`http.client` instead of httpx: measured three times as fast with large buffers, and ten times for
small answers (docs/benchmarks.md). Proxies are
those of the control plane (`proxy`), and so is what each host is shown (`tls.context_for`).
"""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from airgap.net.answer import MAX_ANSWER_BYTES, Answer, too_large, without_encoding
from airgap.net.body import BUFFER_BYTES, Body, BytesBody
from airgap.net.failure import WIRE_ERRORS, unreachable
from airgap.net.patience import Patience, wait_for_answer
from airgap.net.proxy import Proxy, proxy_for
from airgap.net.redirect import follow_redirects
from airgap.net.tls import context_for
from airgap.net.traffic import Traffic

__all__ = ["BUFFER_BYTES", "Exchange", "Wire"]

_TIMEOUT_S = 60.0
_MAX_IDLE = 8

_Key = tuple[str, str, int | None, Proxy | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    """How a URL is reached: the origin's connection, a proxy where there is one, the target."""

    url: str
    scheme: str
    host: str
    port: int | None
    target: str
    netloc: str
    proxy: Proxy | None

    @property
    def key(self) -> _Key:
        return (self.scheme, self.host, self.port, self.proxy)


class Exchange:
    """One request whose answer's body is still to be read; `close` gives the connection back.

    `url` is what was asked: after a redirect, where it led to.
    """

    def __init__(
        self,
        wire: Wire,
        route: _Route,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
    ) -> None:
        self._wire = wire
        self._route = route
        self._connection = connection
        self.url = route.url
        self.response = response
        self.status = response.status
        self.headers = _joined(response.headers.items())

    def readinto(self, buffer: memoryview) -> int:
        """Fill (a part of) the buffer with the body's next bytes, paced; 0 at its end."""
        traffic = self._wire.traffic
        count = self.response.readinto(buffer[: traffic.pace.portion(len(buffer))])
        traffic.pace.take(count)
        traffic.counts.received(count)
        return count

    def read(self, most: int) -> bytes:
        """Return the body's next bytes, at most so many: all of a shorter body."""
        traffic = self._wire.traffic
        body = self.response.read(most)
        if self.response.length and len(body) < most:
            total = len(body) + self.response.length
            raise http.client.HTTPException(f"received {len(body)} bytes, expected {total}")
        traffic.pace.take(len(body))
        traffic.counts.received(len(body))
        return body

    def close(self) -> None:
        """Keep the connection when the body was read whole, close it otherwise."""
        is_done = self.response.isclosed() and not self.response.will_close
        self.response.close()
        if is_done:
            self._wire.keep(self._route, self._connection)
        else:
            self._connection.close()

    def __enter__(self) -> Self:
        """Enter."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()


class Wire:
    """A pool of connections for bulk bytes. Thread-safe; an exchange belongs to one thread.

    Args:
        tls: Whom to trust.
        timeout_s: No step of an exchange takes longer without bytes.
        connect_s: How long connecting may take, where that is less.
        traffic: The run's; unlimited and uncounted by default.
    """

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        timeout_s: float = _TIMEOUT_S,
        connect_s: float | None = None,
        traffic: Traffic | None = None,
    ) -> None:
        self.traffic = traffic or Traffic()
        self._tls = tls
        self._timeout_s = timeout_s
        self._connect_s = timeout_s if connect_s is None else connect_s
        self._idle: dict[_Key, list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._proxies: dict[tuple[str, str], Proxy | None] = {}

    def open(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: Body | None = None,
        patience: Patience | None = None,
    ) -> Exchange:
        """Send a request and wait for the answer's head, with patience where that is asked for.

        Raises:
            UpstreamError: There was no answer.
        """
        self.traffic.counts.requested()
        try:
            exchange = self._ask(self._route(url), method, headers, body, patience)
        except WIRE_ERRORS as error:
            raise unreachable(url, error) from error
        self.traffic.observe(url, exchange.headers)
        return exchange

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
        patience: Patience | None = None,
    ) -> Answer:
        """Send one request and read its small answer; GET and HEAD follow redirects.

        Raises:
            UpstreamError: No complete answer, one above `max_bytes`, or a redirect not to follow.
        """
        body = None if content is None else BytesBody(content)

        def ask(target: str, sent: Mapping[str, str]) -> Answer:
            fields = {"Accept-Encoding": "identity", **sent}
            with self.open(
                method, target, headers=fields, body=body, patience=patience
            ) as exchange:
                return _read(method, target, exchange, max_bytes)

        return follow_redirects(ask, method, url, headers)

    def keep(self, route: _Route, connection: http.client.HTTPConnection) -> None:
        """Take back a connection that is ready for another request."""
        with self._lock:
            idle = self._idle.setdefault(route.key, [])
            if not self._closed and len(idle) < _MAX_IDLE:
                idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the idle connections, and each busy one when its exchange ends."""
        with self._lock:
            self._closed = True
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _route(self, url: str) -> _Route:
        parts = urlsplit(url)
        netloc = parts.netloc.rpartition("@")[2]
        way = (parts.scheme, netloc)
        if way not in self._proxies:  # the environment is looked at once for each host
            self._proxies[way] = proxy_for(url)
        proxy = self._proxies[way]
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        if proxy is not None and parts.scheme == "http":
            target = urlunsplit(("http", netloc, target, "", ""))
        return _Route(
            url=url,
            scheme=parts.scheme,
            host=parts.hostname or "",
            port=parts.port,
            target=target,
            netloc=netloc,
            proxy=proxy,
        )

    def _take(self, route: _Route) -> http.client.HTTPConnection | None:
        with self._lock:
            idle = self._idle.get(route.key)
            return idle.pop() if idle else None

    def _ask(
        self,
        route: _Route,
        method: str,
        headers: Mapping[str, str],
        body: Body | None,
        patience: Patience | None,
    ) -> Exchange:
        kept = self._take(route)
        if kept is not None:
            try:
                return self._exchange(kept, route, method, headers, body, patience)
            except (
                ConnectionError,
                ssl.SSLEOFError,
            ):  # the peer closed it meanwhile, which is no failure
                if body is not None and not body.is_repeatable:
                    raise
        return self._exchange(self._connect(route), route, method, headers, body, patience)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        route: _Route,
        method: str,
        headers: Mapping[str, str],
        body: Body | None,
        patience: Patience | None,
    ) -> Exchange:
        try:
            try:
                self._send(connection, route, method, headers, body)
            except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                # The peer may have refused before it read all: a body, or our certificate.
                if body is None and not isinstance(connection.sock, ssl.SSLSocket):
                    raise
            return Exchange(self, route, connection, self._answer(connection, patience))
        except BaseException:
            connection.close()
            raise

    def _answer(
        self, connection: http.client.HTTPConnection, patience: Patience | None
    ) -> http.client.HTTPResponse:
        """Read an answer's head; from then on the connection has the usual timeout."""
        peer = connection.sock
        if peer is None:  # it could not even be connected
            return connection.getresponse()
        peer.settimeout(self._timeout_s)
        if patience is None:
            return connection.getresponse()
        with wait_for_answer(peer, patience, self.traffic):
            return connection.getresponse()

    def _send(
        self,
        connection: http.client.HTTPConnection,
        route: _Route,
        method: str,
        headers: Mapping[str, str],
        body: Body | None,
    ) -> None:
        fields = dict(headers)
        if route.proxy is not None and route.scheme == "http":
            fields |= route.proxy.headers
        if body is not None:
            fields["Content-Length"] = str(body.size)
        connection.putrequest(method, route.target, skip_accept_encoding=True)
        for name, value in fields.items():
            connection.putheader(name, value)
        connection.endheaders()
        if body is not None:
            body.send(connection.sock, self.traffic)

    def _connect(self, route: _Route) -> http.client.HTTPConnection:
        proxy = route.proxy
        host, port = (proxy.host, proxy.port) if proxy is not None else (route.host, route.port)
        if route.scheme == "http":
            return http.client.HTTPConnection(
                host, port, timeout=self._connect_s, blocksize=BUFFER_BYTES
            )
        tls = context_for(self._tls, route.netloc)
        connection = http.client.HTTPSConnection(
            host, port, timeout=self._connect_s, blocksize=BUFFER_BYTES, context=tls
        )
        if proxy is not None:
            connection.set_tunnel(route.host, route.port or 443, headers=proxy.headers)
        return connection


def _read(method: str, url: str, exchange: Exchange, max_bytes: int) -> Answer:
    try:
        body = exchange.read(max_bytes + 1)
    except WIRE_ERRORS as error:
        raise unreachable(url, error) from error
    if len(body) > max_bytes:
        raise too_large(url, max_bytes)
    return Answer(
        method=method,
        url=url,
        status=exchange.status,
        headers=exchange.headers,
        body=without_encoding(url, exchange.status, exchange.headers, body),
    )


def _joined(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by lower-case name, those sent more than once joined (RFC 9110, 5.3)."""
    found: dict[str, str] = {}
    for name, value in fields:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found
