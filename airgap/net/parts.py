"""Who streams which bytes of one body: the book that several connections share.

A part is owned by one thread at a time. A thread that would be idle takes the upper half of the
largest part under way; what a broken connection did not bring goes back and is taken up again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["OPEN", "SPLIT_BYTES", "Part", "Parts"]

OPEN = 1 << 62
"""The end of a part whose size nobody knows."""
SPLIT_BYTES = 8 * 1024 * 1024
"""No part is split into less than this: another connection has to be worth its round trips."""


@dataclass(slots=True, eq=False, kw_only=True)
class Part:
    """Bytes from `position` up to `end`, streamed by its owner; both move while it is."""

    position: int
    end: int
    is_owned: bool = False


class Parts:
    """The parts of one body that are still to come. Thread-safe.

    Args:
        missing: Half-open ranges; an end of -1 is unknown.

    `received` counts the bytes that came and were not forgotten since.
    """

    def __init__(self, missing: Iterable[tuple[int, int]]) -> None:
        self._parts = _parts(missing)
        self._changed = threading.Condition()
        self._is_closed = False
        self._owners = 0
        self.received = 0

    def claim(self) -> Part | None:
        """Own a part that nobody streams, or None when there is none."""
        with self._changed:
            for part in self._parts:
                if not part.is_owned and not self._is_closed:
                    return self._own(part)
            return None

    def is_splittable(self) -> bool:
        """Tell whether some part is worth another connection."""
        with self._changed:
            return not self._is_closed and any(
                not part.is_owned or part.end - part.position >= 2 * SPLIT_BYTES
                for part in self._parts
                if part.end < OPEN
            )

    def split(self) -> Part | None:
        """Own the upper half of the largest part under way, or None when none is worth it."""
        with self._changed:
            owned = [part for part in self._parts if part.end < OPEN]
            victim = max(owned, key=lambda part: part.end - part.position, default=None)
            if victim is None or self._is_closed:
                return None
            if not victim.is_owned:
                return self._own(victim)
            middle = victim.position + (victim.end - victim.position) // 2
            if middle - victim.position < SPLIT_BYTES:
                return None
            upper = Part(position=middle, end=victim.end)
            victim.end = middle
            self._parts.append(upper)
            return self._own(upper)

    def room(self, part: Part, count: int) -> int:
        """Return how many of the next bytes still belong to a part; 0 when it is done."""
        with self._changed:
            if self._is_closed or part not in self._parts:
                return 0
            return min(count, part.end - part.position)

    def advance(self, part: Part, count: int) -> bool:
        """Move a part's position behind bytes that were taken; tell whether it is done."""
        with self._changed:
            part.position += count
            self.received += count
            return part.position >= part.end

    def release(self, part: Part, *, is_whole: bool = False) -> None:
        """Give a part back; what it lacks is anybody's. `is_whole`: its unknown end was reached."""
        with self._changed:
            part.is_owned = False
            self._owners -= 1
            if part in self._parts and (is_whole or part.position >= part.end):
                self._parts.remove(part)
            self._changed.notify_all()

    def restart(self, part: Part, end: int) -> None:
        """Forget all parts but this one, which becomes the whole body.

        Waits until all other owners have stopped, so that nothing old is written any more.
        """
        with self._changed:
            part.position, part.end = 0, end
            self._parts = [part]
            while self._owners > 1:
                self._changed.wait()
            self.received = 0

    def is_done(self) -> bool:
        """Tell whether every byte has come."""
        with self._changed:
            return not self._parts

    def wait(self) -> None:
        """Wait until something was given back, or nothing is left."""
        with self._changed:
            while self._parts and all(part.is_owned for part in self._parts):
                self._changed.wait()

    def close(self) -> None:
        """Let all owners stop at their next bytes, and wait until they have."""
        with self._changed:
            self._is_closed = True
            while self._owners:
                self._changed.wait()

    def _own(self, part: Part) -> Part:
        part.is_owned = True
        self._owners += 1
        return part


def _parts(missing: Iterable[tuple[int, int]]) -> list[Part]:
    return [Part(position=begin, end=OPEN if end < 0 else end) for begin, end in missing]
