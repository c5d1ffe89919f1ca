"""The HTTP(S) server: cheroot with a bounded pool of threads."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, cast

from cheroot import wsgi

from airgap.errors import PublishError
from airgap.serve.application import app
from airgap.serve.sending import Gateway
from airgap.serve.tls import TlsAdapter, TlsConnection
from airgap.store import Store

if TYPE_CHECKING:
    from socket import socket

__all__ = ["Server"]

log = logging.getLogger(__name__)

_THREADS = 32
_BACKLOG = 256
_TIMEOUT_S = 30
_MAX_BODY_BYTES = 64 * 1024  # nothing is taken in; a larger body is refused and never read


class Server:
    """Serves a store until it is stopped; use it as a context, or `start` and `stop`.

    Args:
        store: What is served.
        host: The address to bind.
        port: 0 takes a free one; `url` has it once started.
        tls: Files of the certificate chain and its key (PEM), or None for plain HTTP.
        asset_prefix: Where boot assets lie, for example `/talos`.
        name: The host in `url`, where it is not the bound address.
    """

    def __init__(
        self,
        store: Store,
        host: str,
        port: int,
        *,
        tls: tuple[Path, Path] | None = None,
        asset_prefix: str = "",
        name: str = "",
    ) -> None:
        self._host = name or host
        self._server = _HttpServer(
            (host, port),
            app(store, asset_prefix=asset_prefix),
            numthreads=_THREADS,
            request_queue_size=_BACKLOG,
            timeout=_TIMEOUT_S,
            shutdown_timeout=1,
            server_name="sidero-airgap",
        )
        self._server.gateway = Gateway
        self._server.max_request_body_size = _MAX_BODY_BYTES
        self._server.error_log = _log_error  # type: ignore[method-assign]  # cheroot: "override"
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.ssl_adapter = TlsAdapter(*tls)
            self._server.ConnectionClass = TlsConnection
        self._thread = threading.Thread(target=self._server.serve, name="airgap-serve")

    @property
    def url(self) -> str:
        """`scheme://host:port`, without a slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._scheme}://{host}:{self._server.bind_addr[1]}"

    def start(self) -> None:
        """Bind, and serve in threads of its own.

        Raises:
            PublishError: The address cannot be bound.
        """
        try:
            self._server.prepare()
        except OSError as error:
            host, port = self._server.bind_addr[:2]
            raise PublishError(f"{host}:{port} cannot be bound: {error}") from error
        self._thread.start()
        log.info("serving on %s", self.url)

    def stop(self) -> None:
        """Stop accepting, and wait: transfers under way end, silent clients are cut after 1 s."""
        self._server.stop()
        if self._thread.is_alive():
            self._thread.join()

    def wait(self) -> None:
        """Block until another thread, or the handler of a signal, calls `stop`."""
        self._thread.join()

    def __enter__(self) -> Server:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()


class _HttpServer(wsgi.Server):
    """Closes the socket that cheroot forgets when its address cannot be bound."""

    expiration_interval = 0.1  # how long an idle server takes to notice that it has to stop

    @staticmethod
    def bind_socket(socket_: socket, bind_addr: tuple[str, int]) -> socket:
        try:
            bound = wsgi.Server.bind_socket(socket_, bind_addr)  # type: ignore[no-untyped-call]
            return cast("socket", bound)
        except OSError:
            socket_.close()
            raise


def _log_error(msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
    log.log(level, "%s", msg, exc_info=traceback)
