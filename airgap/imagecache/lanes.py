"""Work on one stream in several threads: hashing and writing let go of the interpreter's lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import Queue
from typing import Generic, TypeVar

__all__ = ["Lane", "feed"]

P = TypeVar("P")
_WAITING = 4
"""How many pieces a lane may be behind."""


class Lane(Generic[P]):
    """Calls a function with each piece, in order, in a thread of its own."""

    def __init__(self, work: Callable[[P], object]) -> None:
        self._work = work
        self._queue: Queue[P | None] = Queue(_WAITING)
        self._error: BaseException | None = None
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, piece: P) -> None:
        """Hand over a piece; raise what the work of an earlier one raised."""
        if self._error is not None:
            raise self._error
        self._queue.put(piece)

    def finish(self) -> None:
        """Wait until all work is done; raise what it raised."""
        self._stop()
        if self._error is not None:
            raise self._error

    def abandon(self) -> None:
        """Leave the rest undone."""
        self._abandoned = True
        self._stop()

    def _stop(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (piece := self._queue.get()) is not None:
            if self._error is None and not self._abandoned:
                try:
                    self._work(piece)
                except BaseException as error:  # noqa: BLE001 - raised again where it is fed
                    self._error = error


@contextmanager
def _open(works: Iterable[Callable[[P], object]]) -> Iterator[list[Lane[P]]]:
    lanes = [Lane(work) for work in works]
    try:
        yield lanes
    except BaseException:
        for lane in lanes:
            lane.abandon()
        raise


def feed(pieces: Iterable[P], *works: Callable[[P], object]) -> None:
    """Give every piece to every function, each in a thread of its own; wait for all.

    Raises:
        Exception: What a function, or the source of the pieces, raised first.
    """
    with _open(works) as lanes:
        for piece in pieces:
            for lane in lanes:
                lane.put(piece)
        for lane in lanes:
            lane.finish()
