"""Time for tests of waits: it moves on when somebody sleeps, and hardly takes any."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Clock"]

_REAL_S = 0.005


class Clock:
    """Monotonic seconds, and a sleep that moves them. Thread-safe.

    `on_sleep` runs once, at the next sleep: between two tries of a client.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = 0.0
        self.on_sleep: Callable[[], None] | None = None

    def monotonic(self) -> float:
        """Return the seconds that were slept."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move on; really, only as long as another thread needs to do something."""
        with self._lock:
            self.now += seconds
            then, self.on_sleep = self.on_sleep, None
        if then is not None:
            then()
        time.sleep(min(seconds, _REAL_S))
