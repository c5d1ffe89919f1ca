"""Waiting long for an answer to begin: a peer that makes what it is asked for before it sends it.

Meanwhile somebody is told, a run that is stopped ends the wait, and TCP itself keeps asking whether
the peer is there (a firewall forgets a connection on which nothing moves).
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from airgap.net.failure import StoppedError
from airgap.net.traffic import Traffic

__all__ = ["Patience", "wait_for_answer"]

_LOOK_S = 0.25
_KEEPALIVE_S = 30


def _nobody(_seconds: float) -> None:
    """Hear of the wait and do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an answer may take to begin, and who hears of it.

    Attributes:
        answer_s: So long, after the request was sent.
        every_s: How often `told` is called meanwhile.
        told: Called with the seconds waited so far, from another thread.
    """

    answer_s: float
    every_s: float = 15.0
    told: Callable[[float], object] = _nobody


@contextmanager
def wait_for_answer(
    connection: socket.socket, patience: Patience, traffic: Traffic
) -> Iterator[None]:
    """Give the block that reads an answer's head from a connection its patience.

    Raises:
        StoppedError: The run was stopped meanwhile.
    """
    before = connection.gettimeout()
    connection.settimeout(patience.answer_s)
    _keep_alive(connection)
    over = threading.Event()
    watch = threading.Thread(
        target=_watch, args=(connection, patience, traffic, over), name="airgap-wait", daemon=True
    )
    watch.start()
    try:
        yield
    except OSError:
        traffic.wait(0)  # the watch ended it
        raise
    finally:
        over.set()
        watch.join()
        with suppress(OSError):  # closed meanwhile
            connection.settimeout(before)


def _watch(
    connection: socket.socket, patience: Patience, traffic: Traffic, over: threading.Event
) -> None:
    began = time.monotonic()
    due = patience.every_s
    while not over.wait(min(_LOOK_S, patience.every_s)):
        try:
            traffic.wait(0)
        except StoppedError:
            with suppress(OSError):  # below TLS: the one who reads holds its state
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            return
        waited = time.monotonic() - began
        if waited >= due:
            due += patience.every_s
            patience.told(waited)


def _keep_alive(connection: socket.socket) -> None:
    with suppress(OSError):  # not a TCP connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_S)
