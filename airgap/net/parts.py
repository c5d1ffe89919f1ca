"""Who streams which bytes of one body: the book that several connections share.

A part is owned by one thread at a time. A thread that would be idle takes the upper half of the
largest part under way; what a broken connection did not bring goes back and is taken up again, by
the very stream it was taken from where that is still at it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from airgap.net.failure import StoppedError

__all__ = ["OPEN", "SPLIT_BYTES", "Part", "Parts"]

OPEN = 1 << 62
"""The end of a part whose size nobody knows."""
SPLIT_BYTES = 8 * 1024 * 1024
"""No part is split into less than this: another connection has to be worth its round trips."""
_LOOK_S = 0.25  # no wait is longer without a look at whether the run was stopped


@dataclass(slots=True, eq=False, kw_only=True)
class Part:
    """Bytes from `position` up to `end`, streamed by its owner; both move while it is.

    Attributes:
        is_helped: Its owner is a helper: it has to bring the body no further.
        victim: The part it was split off from, as long as it brought nothing.
        is_written: Its owner hands bytes to the target at this moment.
    """

    position: int
    end: int
    is_owned: bool = False
    is_helped: bool = False
    victim: Part | None = None
    is_written: bool = False


def _nobody() -> None:
    """Look at nothing."""


class Parts:
    """The parts of one body that are still to come. Thread-safe.

    Args:
        missing: Half-open ranges; an end of -1 is unknown.
        check: Raises `StoppedError` once the run was stopped, so that no wait outlasts it.

    `received` counts the bytes that came and were not forgotten since.
    """

    def __init__(
        self, missing: Iterable[tuple[int, int]], *, check: Callable[[], object] = _nobody
    ) -> None:
        self._parts = _parts(missing)
        self._check = check
        self._changed = threading.Condition()
        self._is_closed = False
        self._is_restarting = False
        self._owned: list[Part] = []
        self.received = 0

    def claim(self) -> Part | None:
        """Own a part that nobody streams, or None when there is none."""
        with self._changed:
            for part in self._parts:
                if not part.is_owned and not self._is_closed:
                    return self._own(part, is_helped=False)
            return None

    def is_splittable(self) -> bool:
        """Tell whether some part is worth another connection."""
        with self._changed:
            return self._may_split and any(
                not part.is_owned or part.end - part.position >= 2 * SPLIT_BYTES
                for part in self._divisible()
            )

    def split(self) -> Part | None:
        """Own the upper half of the largest part under way, or None when none is worth it."""
        with self._changed:
            victim = max(self._divisible(), key=lambda part: part.end - part.position, default=None)
            if victim is None or not self._may_split:
                return None
            if not victim.is_owned:
                return self._own(victim, is_helped=True)
            middle = victim.position + (victim.end - victim.position) // 2
            if middle - victim.position < SPLIT_BYTES:
                return None
            upper = Part(position=middle, end=victim.end)
            victim.end = middle
            self._parts.append(upper)
            self._own(upper, is_helped=True)
            upper.victim = victim
            return upper

    def room(self, part: Part, count: int) -> int:
        """Return how many of the next bytes still belong to a part; 0 when it is done."""
        with self._changed:
            if self._is_closed or part not in self._parts:
                return 0
            return min(count, part.end - part.position)

    def grant(self, part: Part, count: int) -> int:
        """Return as `room` does; so many may be handed to the target until `advance`."""
        with self._changed:
            room = self.room(part, count)
            part.is_written = room > 0
            return room

    def advance(self, part: Part, count: int) -> bool:
        """Move a part's position behind bytes that were taken; tell whether it is done."""
        with self._changed:
            part.position += count
            part.is_written = False
            if count:
                part.victim = None
            self.received += count
            return part.position >= part.end

    def release(self, part: Part, *, is_whole: bool = False) -> None:
        """Give a part back; what it lacks is anybody's. `is_whole`: its unknown end was reached.

        A part that brought nothing goes back to the stream it was taken from: that one asked for
        these bytes before, and needs no other request for them.
        """
        with self._changed:
            part.is_owned = part.is_written = False
            self._owned.remove(part)
            if part in self._parts and (is_whole or part.position >= part.end):
                self._parts.remove(part)
            self._give_back()
            self._changed.notify_all()

    def restart(self, part: Part, end: int, forget: Callable[[], object]) -> bool:
        """Forget all parts but this one, which becomes the whole body; tell whether it does.

        Waits until all other owners have stopped, so that nothing old is written any more, and has
        the target forget what came. A part that another owner's restart has displaced begins
        nothing anew: its owner leaves. Until then nobody owns anything else.

        Raises:
            StoppedError: The run was stopped meanwhile.
        """
        with self._changed:
            if part not in self._parts:
                return False
            part.position, part.end, part.victim = 0, end, None
            self._parts = [part]
            self._is_restarting = True
            try:
                self._wait_while(lambda: len(self._owned) > 1)
                forget()
                self.received = 0
            finally:
                self._is_restarting = False
            return True

    def is_done(self) -> bool:
        """Tell whether every byte has come."""
        with self._changed:
            return not self._parts

    def wait(self) -> None:
        """Wait until something was given back, or nothing is left.

        Raises:
            StoppedError: The run was stopped meanwhile.
        """
        with self._changed:
            self._wait_while(
                lambda: bool(self._parts) and all(part.is_owned for part in self._parts)
            )

    def close(self) -> None:
        """Let all owners stop at their next bytes, and wait until they have.

        In a run that was stopped, only until nobody hands bytes to the target any more: whoever
        waits for a silent peer then gets nothing to hand over.
        """
        with self._changed:
            self._is_closed = True
            with suppress(StoppedError):
                self._wait_while(lambda: bool(self._owned))
            while any(part.is_written for part in self._owned):
                self._changed.wait(_LOOK_S)

    @property
    def _may_split(self) -> bool:
        return not self._is_closed and not self._is_restarting

    def _divisible(self) -> Iterator[Part]:
        """Yield the parts that others may take something of.

        Not the body's beginning, while nobody streams it: what all the rest has to fit to, the
        first stream learns there.
        """
        for part in self._parts:
            if part.end < OPEN and (part.is_owned or part.position):
                yield part

    def _own(self, part: Part, *, is_helped: bool) -> Part:
        part.is_owned = True
        part.is_helped = is_helped
        part.victim = None
        self._leave(part, to=None)  # what is asked for now ends where the part does
        self._owned.append(part)
        return part

    def _give_back(self) -> None:
        """Join free parts that brought nothing to the streams that they were taken from."""
        while (pair := next(self._idle(), None)) is not None:
            part, victim = pair
            victim.end = part.end
            self._parts.remove(part)
            self._leave(part, to=victim)

    def _idle(self) -> Iterator[tuple[Part, Part]]:
        """Yield free parts, each with the part still before it whose stream asked for it, too."""
        for part in self._parts:
            victim = part.victim
            if part.is_owned or victim is None or victim not in self._parts:
                continue
            if victim.position < victim.end == part.position:
                yield part, victim

    def _leave(self, victim: Part, *, to: Part | None) -> None:
        """Say who may get back what was taken from a part."""
        for part in self._parts:
            if part.victim is victim:
                part.victim = to

    def _wait_while(self, is_so: Callable[[], bool]) -> None:
        """Wait as long as something is so; the lock is held, and let go while waiting."""
        while is_so():
            self._check()
            self._changed.wait(_LOOK_S)


def _parts(missing: Iterable[tuple[int, int]]) -> list[Part]:
    return [Part(position=begin, end=OPEN if end < 0 else end) for begin, end in missing]
