"""A line to a simulator that is unplugged: a reset, or silence, after so many bytes one way.

Strikes one connection, once; then the line is whole again.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Self

__all__ = ["Line", "Plug"]

_BYTES = 64 * 1024


@dataclass(slots=True, kw_only=True)
class Plug:
    """When the line is unplugged: after so many bytes to the client (`down`) or the server."""

    way: Literal["down", "up"]
    after: int
    how: Literal["reset", "silence"]


class Line:
    """A loopback port before a server's; `plug` arms it."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._sockets: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.plug: Plug | None = None
        self.strikes = 0
        self._over = threading.Event()

    @property
    def url(self) -> str:
        """What a client is given instead of the server's own URL."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
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
                threading.Thread(target=self._pass, args=(client, server, "up")),
                threading.Thread(target=self._pass, args=(server, client, "down")),
            )
            with self._lock:
                self._sockets += [client, server]
                self._threads += pair
            for thread in pair:
                thread.start()

    def _pass(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        passed = 0
        while data := _receive(source):
            struck = self._strike(way, passed + len(data))
            if struck is not None:
                _send(sink, data[: struck.after - passed])
                self._unplug(struck, source, sink)
                return
            passed += len(data)
            if not _send(sink, data):
                _shut(source, socket.SHUT_RDWR)
                return
        _shut(sink, socket.SHUT_WR)

    def _strike(self, way: str, passed: int) -> Plug | None:
        with self._lock:
            plug = self.plug
            if plug is None or plug.way != way or passed < plug.after:
                return None
            self.plug = None
            self.strikes += 1
            return plug

    def _unplug(self, plug: Plug, source: socket.socket, sink: socket.socket) -> None:
        client, server = (sink, source) if plug.way == "down" else (source, sink)
        if plug.how == "silence":
            self._over.wait()  # whoever waits here longer than his timeout waits in vain
            _shut(client, socket.SHUT_RDWR)
        else:
            linger = struct.pack("ii", 1, 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            _shut(client, socket.SHUT_RD)  # wakes the other thread, and tells the client nothing
            client.close()  # once that thread lets go of it, the client gets a reset
        _shut(server, socket.SHUT_WR)
        while _receive(server):
            pass


def _receive(one: socket.socket) -> bytes:
    try:
        return one.recv(_BYTES)
    except OSError:
        return b""


def _send(one: socket.socket, data: bytes) -> bool:
    try:
        one.sendall(data)
    except OSError:
        return False
    return True


def _shut(one: socket.socket, how: int) -> None:
    with suppress(OSError):
        one.shutdown(how)


def _close(one: socket.socket) -> None:
    _shut(one, socket.SHUT_RDWR)
    one.close()
