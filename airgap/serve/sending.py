"""Files straight into the socket: by the kernel, or with TLS in pieces that nobody copies.

cheroot's own writer copies what it is given before each call of the kernel, several times over for
a large piece. The application finds a `Sender` in its environment, as with PEP 3333's
`wsgi.file_wrapper`, and does without it where another server runs it.
"""

from __future__ import annotations

import os
import ssl

from cheroot import wsgi

__all__ = ["SENDER", "Gateway"]

SENDER = "airgap.serve.sender"
"""Its key in the WSGI environment."""

_PIECE_BYTES = 256 * 1024


class Gateway(wsgi.Gateway_10):
    """Answers one request."""

    def get_environ(self) -> dict[str, object]:  # type: ignore[override]  # inferred from a stub
        """Return the WSGI environment, with what sends files."""
        environment: dict[str, object] = super().get_environ()  # type: ignore[no-untyped-call]
        return {**environment, SENDER: self}

    def send_file(self, descriptor: int, start: int, length: int) -> int:
        """Send headers, then a part of a file; return how many bytes there were.

        Raises:
            OSError: The client is gone, or silent.
        """
        self.req.ensure_headers_sent()
        if not length:
            return 0
        socket = self.req.conn.socket
        if isinstance(socket, ssl.SSLSocket):
            return _send_pieces(socket, descriptor, start, length)
        with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
            return int(socket.sendfile(file, start, length))


def _send_pieces(socket: ssl.SSLSocket, descriptor: int, start: int, length: int) -> int:
    buffer = memoryview(bytearray(min(_PIECE_BYTES, length)))
    sent = 0
    while sent < length:
        count = os.preadv(descriptor, [buffer[: length - sent]], start + sent)
        if not count:
            break
        socket.sendall(buffer[:count])
        sent += count
    return sent
