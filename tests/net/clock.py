"""A clock that only moves when somebody sleeps; safe for several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

__all__ = ["Clock"]


class Clock:
    """Monotonic seconds, the local time, and a sleep that moves both.

    Args:
        start: What the clock on the wall shows at first.
        late: How much longer than asked each sleep takes.
    """

    def __init__(
        self,
        start: datetime = datetime(2026, 1, 15, 12),  # noqa: DTZ001 (local time on purpose)
        late: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._start = start
        self._late = late
        self._lock = threading.Lock()
        self.now = 0.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds since the beginning."""
        return self.now

    def wall(self) -> datetime:
        """Return the local time."""
        return self._start + timedelta(seconds=self.now)

    def sleep(self, seconds: float) -> None:
        """Move on."""
        with self._lock:
            self.sleeps.append(seconds)
            self.now += seconds + self._late()
