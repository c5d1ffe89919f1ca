"""Who tells: a `Tally` of items that are done, and a `Meter` of one item's bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airgap.progress.events import Awaited, Event, Moved, Outcome, Progress

__all__ = ["Meter", "Tally"]

_EVERY_S = 0.25
_WAIT_S = 15.0


class Tally:
    """Counts the items of one step and tells about them. Thread-safe."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._done = 0
        self._lock = threading.Lock()

    def expect(self, count: int) -> None:
        """Add items that are to come."""
        with self._lock:
            self._total += count

    def add(self, item: str, outcome: Outcome, size: int = 0) -> None:
        """Count one item; events arrive one at a time, in order."""
        with self._lock:
            self._done += 1
            if self._progress is not None:
                self._progress(
                    Event(
                        item=item,
                        outcome=outcome,
                        size=size,
                        done=self._done,
                        total=max(self._total, self._done),
                    )
                )

    @contextmanager
    def awaiting(self, item: str, what: str, *, every_s: float = _WAIT_S) -> Iterator[None]:
        """Tell that somebody else is at an item, at once and every so often while the block runs.

        Args:
            item: As its `Event` will name it.
            what: What is being done with it.
            every_s: How often.
        """
        over, began = threading.Event(), time.monotonic()

        def tell() -> None:
            while self._progress is not None:
                self._progress(Awaited(item=item, what=what, seconds=time.monotonic() - began))
                if over.wait(every_s):
                    return

        watch = threading.Thread(target=tell, name="airgap-await", daemon=True)
        watch.start()
        try:
            yield
        finally:
            over.set()
            watch.join()


class Meter:
    """Tells how much of one item has moved, at most four times a second. Thread-safe.

    Args:
        item: As its `Event` will name it.
        size_bytes: Of the whole item; 0 when nobody knows.
        progress: Told.
        done_bytes: What an earlier run has brought already.
        clock: For tests.
    """

    def __init__(
        self,
        item: str,
        size_bytes: int,
        progress: Progress | None,
        *,
        done_bytes: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._item = item
        self._size = size_bytes
        self._progress = progress
        self._done = done_bytes
        self._clock = clock
        self._next = clock() + _EVERY_S
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """Count bytes; a negative number takes back what has to move again."""
        with self._lock:
            self._done += count
            now = self._clock()
            if self._progress is None or now < self._next:
                return
            self._next = now + _EVERY_S
            self._progress(Moved(item=self._item, done_bytes=self._done, size_bytes=self._size))
