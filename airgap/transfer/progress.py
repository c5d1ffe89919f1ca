"""What a transfer tells while it runs: one event an item that is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Event", "Outcome", "Progress", "Tally"]

Outcome = Literal[
    "present", "fetched", "uploaded", "mounted", "pushed", "published", "verified", "removed"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One more item of a transfer is done.

    Attributes:
        item: A reference, an asset's key, or a blob's digest.
        outcome: What was done.
        size: Bytes that this moved (or hashed); 0 when none had to.
        done: Items done so far, this one included.
        total: Items of this step, as far as they are known.
    """

    item: str
    outcome: Outcome
    size: int
    done: int
    total: int


Progress = Callable[[Event], None]


class Tally:
    """Counts the items of one step and tells about them. Thread-safe."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._done = 0
        self._lock = threading.Lock()

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
