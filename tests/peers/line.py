"""A line to a real server that breaks: everything passes until so many bytes went up, then nothing.

What had gone up by then arrives: the server's side is closed in order, as a dying host's kernel
does it; the client's is reset.
"""

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

__all__ = ["Line"]

_BYTES = 64 * 1024


class Line:
    """A loopback port before a server's.

    `sent_bytes` counts what went up to the server, TLS and headers included. With `cut_after` set,
    the connection on which that count is reached is cut, and the line is whole again.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._sockets: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.sent_bytes = 0
        self.cut_after: int | None = None
        self.is_over = threading.Event()  # a cut connection's server has hung up

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        with self._lock:
            for one in self._sockets:
                _close(one)
        for thread in self._threads[1:]:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            pair = (
                threading.Thread(target=self._up, args=(client, server)),
                threading.Thread(target=self._down, args=(server, client)),
            )
            with self._lock:
                self._sockets += [client, server]
                self._threads += pair
            for thread in pair:
                thread.start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        is_cut = False
        with server:
            while data := _receive(client):
                with self._lock:
                    room = _BYTES if self.cut_after is None else self.cut_after - self.sent_bytes
                    data = data[: max(0, room)]
                    self.sent_bytes += len(data)
                try:
                    server.sendall(data)
                except OSError:
                    return
                if len(data) == room and self.cut_after is not None:
                    self.cut_after = None
                    is_cut = True
                    _reset(client)
                    break
            # The server reads all of it, then the end.
            _shut(server)
            while _receive(server):
                pass
            if is_cut:
                self.is_over.set()

    @staticmethod
    def _down(server: socket.socket, client: socket.socket) -> None:
        with client:
            while data := _receive(server):
                try:
                    client.sendall(data)
                except OSError:
                    return


def _receive(one: socket.socket) -> bytes:
    try:
        return one.recv(_BYTES)
    except OSError:
        return b""


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_WR)


def _reset(one: socket.socket) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    _close(one)


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
