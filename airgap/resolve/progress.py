"""What resolution tells while it runs: one event an item that is settled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Event", "Outcome", "Progress", "Tally"]

Outcome = Literal["kept", "resolved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One more item is settled; `total` grows once the extensions are known."""

    item: str
    outcome: Outcome
    done: int
    total: int


Progress = Callable[[Event], None]


class Tally:
    """Counts settled items and tells about them. Thread-safe."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._done = 0
        self._total = 0
        self._lock = threading.Lock()

    def expect(self, count: int) -> None:
        """Add items that are to come."""
        with self._lock:
            self._total += count

    def add(self, item: str, outcome: Outcome) -> None:
        """Count one item; events arrive one at a time."""
        with self._lock:
            self._done += 1
            if self._progress is not None:
                self._progress(
                    Event(item=item, outcome=outcome, done=self._done, total=self._total)
                )
