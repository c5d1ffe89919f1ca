"""The HTTP(S) server every simulator is: start, stop, record, and fail on request.

Built on cheroot and werkzeug, as the project's own server is. Binds 127.0.0.1 only.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from traceback import format_exc
from typing import Self
from weakref import finalize
from wsgiref.types import StartResponse, WSGIEnvironment

from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server
from werkzeug.exceptions import ClientDisconnected, HTTPException
from werkzeug.wrappers import Request, Response

from lab.faults import Fault, Faults
from lab.link import Intake, Link, hang_up
from lab.tls import ServerCertificate

__all__ = ["Exchange", "Journal", "Simulator"]

_SECRET_HEADERS = {"authorization", "cookie", "proxy-authorization"}
_THREADS = 16


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request a simulator answered; credentials are replaced by `<redacted>`."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0


class Journal:
    """What a simulator was asked, in the order of arrival; safe to use from many threads."""

    def __init__(self) -> None:
        self._exchanges: list[Exchange] = []
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Exchange]:
        """Iterate over a copy."""
        with self._lock:
            return iter(list(self._exchanges))

    def __len__(self) -> int:
        """Count the requests."""
        return len(self._exchanges)

    def open(self, request: Request) -> Exchange:
        """Record a request that has just arrived."""
        headers = {
            name: "<redacted>" if name.lower() in _SECRET_HEADERS else value
            for name, value in request.headers.items()
        }
        exchange = Exchange(
            method=request.method,
            path=request.path,
            query=request.query_string.decode("latin-1"),
            headers=headers,
        )
        with self._lock:
            self._exchanges.append(exchange)
        return exchange

    def clear(self) -> None:
        """Forget what was recorded."""
        with self._lock:
            self._exchanges.clear()

    def select(self, *, method: str = "", path: str = "") -> list[Exchange]:
        """Return the exchanges of a method whose path contains a text."""
        return [
            exchange
            for exchange in self
            if (not method or exchange.method == method) and path in exchange.path
        ]

    @property
    def sent_bytes(self) -> int:
        """The bytes of all bodies sent."""
        return sum(exchange.sent_bytes for exchange in self)

    @property
    def received_bytes(self) -> int:
        """The bytes of all bodies received, those of cut requests too."""
        return sum(exchange.received_bytes for exchange in self)


class _Server(Server):
    """cheroot's server; errors of the application go to a list instead of stderr."""

    crashes: list[str]

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """Make a port reusable also when it was an ephemeral one at first.

        Connections that clients still hold would else keep a restarted server from its port.
        """
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        socket_.bind(bind_addr)
        return socket_

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        if traceback:
            self.crashes.append(f"{msg} (level {level})\n{format_exc()}")


class Simulator:
    """A peer on loopback; subclasses say how it answers (`respond`).

    Args:
        port: 0 for any free port; kept over `stop` and `start`.
        certificate: Speak TLS with it; None for plain HTTP.

    `link` is the line to it, `crashes` holds the traceback of everything the simulator itself did
    wrong.
    """

    def __init__(self, *, port: int = 0, certificate: ServerCertificate | None = None) -> None:
        self.faults = Faults()
        self.link = Link()
        self.requests = Journal()
        self.crashes: list[str] = []
        self._port = port
        self._certificate = certificate
        self._running: tuple[Server, threading.Thread] | None = None
        self._place: socket.socket | None = None

    def respond(self, request: Request) -> Response:
        """Answer one request."""
        raise NotImplementedError

    @property
    def port(self) -> int:
        """The port; 0 before the first start unless one was given."""
        return self._port

    @property
    def url(self) -> str:
        """`http(s)://127.0.0.1:<port>`, without a trailing slash."""
        scheme = "https" if self._certificate else "http"
        return f"{scheme}://127.0.0.1:{self._port}"

    @property
    def host(self) -> str:
        """`127.0.0.1:<port>`, as in an image reference."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Listen, and answer from a pool of threads until `stop`."""
        self._take_port()
        server = _Server(("127.0.0.1", self._port), self, numthreads=_THREADS)
        server.keep_alive_conn_limit = 4 * _THREADS
        server.expiration_interval = 0.02  # bounds how long stopping takes
        server.crashes = self.crashes
        if self._certificate is not None:
            server.ssl_adapter = BuiltinSSLAdapter(
                str(self._certificate.cert_file), str(self._certificate.key_file)
            )
            if self._certificate.clients is not None:
                server.ssl_adapter.context.load_verify_locations(self._certificate.clients)
                server.ssl_adapter.context.verify_mode = ssl.CERT_REQUIRED
        server.prepare()
        thread = threading.Thread(target=server.serve, name=f"lab:{self._port}", daemon=True)
        thread.start()
        self._running = (server, thread)
        return self

    def _take_port(self) -> None:
        """Have the port for good: while nobody listens there, nobody else is given it."""
        if self._place is None:
            self._place = socket.socket()
            finalize(self, self._place.close)
            _Server.bind_socket(self._place, ("127.0.0.1", self._port))
            self._port = int(self._place.getsockname()[1])

    def stop(self) -> None:
        """Stop listening and wait for the threads; may be called twice."""
        if self._running is None:
            return
        server, thread = self._running
        self._running = None
        server.stop()
        thread.join()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *exception: object) -> None:
        """Stop."""
        self.stop()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request (WSGI)."""
        exchange = self.requests.open(Request(environ))
        fault = self.faults.take(exchange.method, exchange.path)
        self.link.wait()
        if fault is not None:
            _strike_before(fault)
        request = Request(environ | {"wsgi.input": self._intake(environ, exchange, fault)})
        response = self._respond_or_fail(request, fault)
        if fault is not None and fault.alter is not None:
            response = fault.alter(response)
        if fault is not None and fault.then is not None:
            fault.then()
        exchange.status = response.status_code
        if fault is not None and fault.mute:
            raise hang_up()
        body, status, headers = response.get_wsgi_response(environ)
        start_response(status, headers)
        return _send(body, self.link, exchange, fault)

    def _intake(self, environ: WSGIEnvironment, exchange: Exchange, fault: Fault | None) -> Intake:
        def count(received: int) -> None:
            exchange.received_bytes += received

        cut_after = -1 if fault is None else fault.cut_after
        return Intake(environ["wsgi.input"], self.link, count, cut_after=cut_after)

    def _respond_or_fail(self, request: Request, fault: Fault | None) -> Response:
        if fault is not None and fault.status:
            return Response(fault.body, status=fault.status, headers=dict(fault.headers))
        try:
            return self.respond(request)
        except ClientDisconnected:
            raise hang_up() from None  # nobody is there to be answered
        except HTTPException as error:
            return Response(f"{error.description}\n", status=error.code, mimetype="text/plain")


def _strike_before(fault: Fault) -> None:
    if fault.delay_s:
        time.sleep(fault.delay_s)
    if fault.drop:
        raise hang_up()


def _send(
    body: Iterable[bytes], link: Link, exchange: Exchange, fault: Fault | None
) -> Iterator[bytes]:
    close = getattr(body, "close", None)
    try:
        for chunk in link.slow(body):
            piece = _spoil(chunk, exchange.sent_bytes, fault)
            exchange.sent_bytes += len(piece)
            yield piece
            if len(piece) < len(chunk):
                raise hang_up()
    finally:
        if close is not None:
            close()


def _spoil(chunk: bytes, offset: int, fault: Fault | None) -> bytes:
    if fault is None:
        return chunk
    if fault.truncate_to >= 0:
        chunk = chunk[: max(0, fault.truncate_to - offset)]
    at = fault.flip_byte - offset
    if fault.flip_byte >= 0 and 0 <= at < len(chunk):
        chunk = chunk[:at] + bytes([chunk[at] ^ 0xFF]) + chunk[at + 1 :]
    return chunk
