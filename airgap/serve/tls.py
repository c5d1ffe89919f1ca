"""TLS 1.2 and newer for the server: handshakes in worker threads, clients that break off in a line.

To cheroot an error of TLS is the server's own, worth a traceback and an answer that cannot arrive;
here it is what it is without TLS: the client is gone.
"""

from __future__ import annotations

import errno
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cheroot.server import HTTPConnection
from cheroot.ssl.builtin import BuiltinSSLAdapter

from airgap.errors import PublishError

if TYPE_CHECKING:
    from socket import socket

    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["TlsAdapter", "TlsConnection"]

log = logging.getLogger(__name__)


class TlsAdapter(BuiltinSSLAdapter):
    """Wraps connections without waiting for the handshake.

    Args:
        certificate: The certificate chain (PEM).
        key: Its key (PEM).

    Raises:
        PublishError: They cannot be used.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        try:
            super().__init__(str(certificate), str(key))
        except (OSError, ssl.SSLError) as error:
            raise PublishError(
                f"the certificate {certificate} or its key {key} cannot be used: {error}",
                hint="give a PEM certificate chain and the key that belongs to it",
            ) from error
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.sslsocket_class = _TlsSocket

    def wrap(self, sock: socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        """Return the socket to talk through, and what the application is told of it."""
        wrapped = self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return wrapped, {"wsgi.url_scheme": "https", "HTTPS": "on"}


class TlsConnection(HTTPConnection):
    """Shakes hands on its first turn in a worker thread: a silent client holds up nobody."""

    is_shaken = False

    def communicate(self) -> bool:
        """Answer what was asked; tell whether the connection is kept."""
        if not self.is_shaken:
            try:
                self.socket.do_handshake()
            except OSError as error:
                log.info("%s: no TLS handshake: %s", self.remote_addr, error)
                return False
            self.is_shaken = True
        is_kept = bool(super().communicate())  # type: ignore[no-untyped-call]
        if self.socket.failure is not None:
            log.info("%s: TLS broke off: %s", self.remote_addr, self.socket.failure)
        return is_kept


class _TlsSocket(ssl.SSLSocket):
    """Says of an error of TLS that the connection was reset, and keeps the first one."""

    failure: ssl.SSLError | None = None

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        with self._as_reset():
            return super().recv_into(buffer, nbytes, flags)

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        with self._as_reset():
            return super().send(data, flags)

    @contextmanager
    def _as_reset(self) -> Iterator[None]:
        try:
            yield
        except ssl.SSLError as error:
            self.failure = self.failure or error
            raise ConnectionResetError(errno.ECONNRESET, str(error)) from error
