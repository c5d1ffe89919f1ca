"""How far a run is, from what it tells: items, bytes, rate, time left."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from airgap.progress.events import Awaited, Event, Moved, Planned, Report, Summary

__all__ = ["Standing"]

_WINDOW_S = 15.0
_SETTLED_S = 1.0


class Standing:
    """Adds up reports. Thread-safe.

    Attributes:
        done: Items done in the step that told last.
        total: Items of that step, as far as they are known.
        last: The item done last, and how.
        summary: The run's own, once it has come; that of all its steps that told one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.done = 0
        self.total = 0
        self.last: Event | None = None
        self.summary: Summary | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._planned = 0
        self._finished = 0
        self._under_way: dict[str, Moved] = {}
        self._awaited: dict[str, Awaited] = {}
        self._samples: deque[tuple[float, int]] = deque([(clock(), 0)])

    def take(self, report: Report) -> None:
        """Take one report into account."""
        with self._lock:
            match report:
                case Planned():
                    self._planned += report.size_bytes
                case Awaited():
                    self._awaited[report.item] = report
                case Moved():
                    self._awaited.pop(report.item, None)
                    self._under_way[report.item] = report
                case Event():
                    self._awaited.pop(report.item, None)
                    before = self._under_way.pop(report.item, None)
                    self._finished += max(report.size, before.size_bytes if before else 0)
                    self.done, self.total, self.last = report.done, report.total, report
                case Summary():
                    self.summary = self.summary.joined(report) if self.summary else report
                    self._under_way.clear()
                    self._awaited.clear()
            self._sample()

    def awaited(self) -> tuple[Awaited, ...]:
        """Return the items that somebody else is still at, in the order they were told of."""
        with self._lock:
            return tuple(self._awaited.values())

    def under_way(self) -> tuple[Moved, ...]:
        """Return the items whose bytes are moving, in the order they began."""
        with self._lock:
            return tuple(self._under_way.values())

    @property
    def moved_bytes(self) -> int:
        """Bytes of what is done and of what is under way."""
        return self._finished + sum(item.done_bytes for item in tuple(self._under_way.values()))

    @property
    def planned_bytes(self) -> int:
        """Bytes there are to move, as far as they are known; 0 when nobody has said."""
        return max(self._planned, self.moved_bytes) if self._planned else 0

    @property
    def rate(self) -> float:
        """Bytes a second, over the last quarter of a minute."""
        with self._lock:
            (first, before), (last, after) = self._samples[0], self._samples[-1]
        return max(0.0, (after - before) / (last - first)) if last - first >= _SETTLED_S else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds left at this rate; None when nobody can say."""
        rate = self.rate
        return (self.planned_bytes - self.moved_bytes) / rate if rate and self._planned else None

    def _sample(self) -> None:
        now = self._clock()
        self._samples.append((now, self.moved_bytes))
        while len(self._samples) > 2 and now - self._samples[1][0] >= _WINDOW_S:
            self._samples.popleft()
