"""How many requests one host gets at a time: additive increase, multiplicative decrease.

A host starts with four places. A window of as many good answers as there are places, in which all
places were in use, adds one; a push-back (429, 503, a timeout) halves them, once for all requests
that were under way together. Only the arithmetic is here: who waits and how is `traffic`'s.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

__all__ = ["START", "Gate", "Place"]

START = 4


@dataclass(slots=True, kw_only=True, eq=False)
class Place:
    """One request's place at a host.

    Attributes:
        thread: The thread that holds it.
        epoch: The gate's when the place was given: push-backs of one epoch count once.
    """

    thread: int
    epoch: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Gate:
    """One host's places. Not thread-safe: its owner holds a lock.

    Attributes:
        most: The limit never goes above it (nor below 1).
        limit: How many requests may be under way.
        held: The places given.
        line: Who waits, in the order of arrival.
        paused_until: No place is given before this time (the owner's clock).
    """

    most: int
    limit: int = 0
    held: list[Place] = field(default_factory=list)
    line: deque[Place] = field(default_factory=deque)
    paused_until: float = 0.0
    _epoch: int = 0
    _good: int = 0
    _was_full: bool = False

    def __post_init__(self) -> None:
        """Start with four places, or fewer where fewer are allowed."""
        self.most = max(1, self.most)
        self.limit = min(START, self.most)

    @property
    def has_room(self) -> bool:
        """Whether another request may be under way."""
        return len(self.held) < self.limit

    def enter(self, place: Place) -> None:
        """Give a place, whether there is room or not."""
        place.epoch = self._epoch
        self.held.append(place)
        if len(self.held) >= self.limit:
            self._was_full = True

    def leave(self, place: Place, *, is_good: bool) -> None:
        """Take a place back; `is_good` when the host answered without pushing back."""
        self.held.remove(place)
        if not is_good or place.epoch != self._epoch:
            return
        self._good += 1
        if self._good >= self.limit:
            grows = self._was_full and self.limit < self.most
            self.limit += 1 if grows else 0
            self._good = 0
            self._was_full = len(self.held) >= self.limit

    def push_back(self, place: Place) -> None:
        """Halve the places, unless that was done after this one was given."""
        if place.epoch != self._epoch:
            return
        self._epoch += 1
        self._good = 0
        self._was_full = False
        self.limit = max(1, self.limit // 2)
