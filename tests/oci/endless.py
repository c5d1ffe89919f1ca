"""Servers whose answers no simulator would give: without an end, or with any head at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Self

__all__ = ["Endless", "Verbatim"]

_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: %s\r\n\r\n"
_CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"


class _Server:
    """A loopback server that answers each connection's first request; `url` is where."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def answer(self, client: socket.socket) -> None:
        """Answer one request."""
        raise NotImplementedError

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, suppress(OSError):
                    client.recv(65536)
                    self.answer(client)


class Endless(_Server):
    """Answers with spaces until the client hangs up.

    Args:
        media_type: The answers' Content-Type.
    """

    def __init__(self, media_type: str) -> None:
        super().__init__()
        self._head = _HEAD % media_type.encode()
        self.sent_bytes = 0

    def answer(self, client: socket.socket) -> None:
        """Send for ever."""
        client.sendall(self._head)
        while True:
            client.sendall(_CHUNK)
            self.sent_bytes += len(_CHUNK)


class Verbatim(_Server):
    """Answers with these very bytes, one after the other, and hangs up."""

    def __init__(self, answers: Iterable[bytes]) -> None:
        super().__init__()
        self._answers = iter(answers)

    def answer(self, client: socket.socket) -> None:
        """Send the next one."""
        client.sendall(next(self._answers))
