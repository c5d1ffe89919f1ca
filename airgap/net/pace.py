"""How fast bytes may pass: one token bucket over all streams, with rates by the time of day.

The bucket holds a quarter of a second at most, so over any ten seconds the amount is within 5 % of
the rate. The time of day is the local clock's: a window means what the clock on the wall says, and
the clock is read again several times a second, so neither an edge in mid-stream nor a change to
summer time is missed. This module does no I/O and knows nothing of hosts.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from datetime import time as time_of_day

from airgap.net.failure import StoppedError

__all__ = ["Pace", "Schedule"]

_DEPTH_S = 0.25  # what may be caught up after a stall: 2.5 % of ten seconds
_PORTION_S = 0.02
_LEAST_S = 0.001  # a shorter sleep costs more than it waits; what is over is caught up
_LOOK_S = 0.25  # the clock on the wall is read at least this often while somebody waits


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    begin: time_of_day
    end: time_of_day
    rate: float | None

    def holds(self, moment: time_of_day) -> bool:
        if self.begin < self.end:
            return self.begin <= moment < self.end
        return moment >= self.begin or moment < self.end  # over midnight; the whole day when equal


class Schedule:
    """Rates by local time of day.

    Args:
        windows: `(begin, end, rate)` each: `"HH:MM"` (end exclusive, may be past midnight; both
            None for the whole day) and bytes a second, None for unlimited. The first window that
            fits counts; where none does, the rate is unlimited.

    Raises:
        ValueError: A time is none, or a rate is not above zero.
    """

    def __init__(self, windows: Sequence[tuple[str | None, str | None, float | None]] = ()) -> None:
        self._windows = tuple(_window(*window) for window in windows)

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at any time."""
        return any(window.rate is not None for window in self._windows)

    def rate_at(self, moment: time_of_day) -> float | None:
        """Return the bytes a second at a time of day; None: unlimited."""
        fitting = (window.rate for window in self._windows if window.holds(moment))
        return next(fitting, None)


class Pace:
    """Lets bytes pass at the scheduled rate. Thread-safe; first come, first served.

    Args:
        schedule: The rates; unlimited by default, which costs nothing.
        monotonic: Seconds.
        wall: The local date and time.
        sleep: Waits some seconds.
    """

    def __init__(
        self,
        schedule: Schedule | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._schedule = schedule or Schedule()
        self.is_limited = self._schedule.is_limited
        self._monotonic = monotonic
        self._wall = wall or _local_now
        self._sleep = sleep
        self._line = _Line()
        self._bucket = threading.Lock()
        self._tokens = 0.0
        self._rate: float | None = None
        self._filled_at = monotonic()
        self._stopped = False

    def take(self, count: int) -> None:
        """Wait until `count` bytes may pass.

        Raises:
            StoppedError: `stop` was called.
        """
        self._check()
        if not self.is_limited or count <= 0:
            return
        while count > 0:  # a turn a portion: a large take does not keep the others standing
            with self._line.turn():
                count -= self._wait_for_portion(count)

    def portion(self, most: int) -> int:
        """Return how many bytes to move at once so that the rate holds over short times too.

        A caller that reads 1 MiB at a time under a cap of 100 KiB/s would stand still for ten
        seconds and then burst: it should read `portion(1 MiB)`.
        """
        if not self.is_limited:
            return most
        with self._bucket:
            self._fill()
            # Bytes that came wait for their turn afterwards: all that wait are one portion.
            return _portion(most, self._rate, 1 + self._line.waiting)

    def stop(self) -> None:
        """Make every `take` raise from now on, those that wait included."""
        self._stopped = True

    def _wait_for_portion(self, count: int) -> int:
        while True:
            self._check()
            with self._bucket:
                self._fill()
                rate = self._rate
                if rate is None or self._tokens >= 0:
                    portion = count if rate is None else _portion(count, rate, 1)
                    self._tokens -= portion if rate is not None else 0
                    return portion
                wait = -self._tokens / rate
            self._sleep(min(max(wait, _LEAST_S), _LOOK_S))

    def _fill(self) -> None:
        """Credit the time since the last look at the rate that held then, and read the clock."""
        now = self._monotonic()
        elapsed, self._filled_at = max(0.0, now - self._filled_at), now
        before = self._rate
        self._rate = self._schedule.rate_at(self._wall().time())
        if self._rate is None or before is None:
            self._tokens = 0.0
            return
        self._tokens = min(self._tokens + elapsed * before, self._rate * _DEPTH_S)

    def _check(self) -> None:
        if self._stopped:
            raise StoppedError


class _Line:
    """A lock that is given in the order it was asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @contextmanager
    def turn(self) -> Iterator[None]:
        ticket = threading.Lock()
        ticket.acquire()
        with self._lock:
            self._waiting.append(ticket)
            is_first = self._waiting[0] is ticket
        try:
            if not is_first:
                ticket.acquire()
            yield
        finally:
            self._leave(ticket)

    def _leave(self, ticket: threading.Lock) -> None:
        with self._lock:
            was_first = self._waiting[0] is ticket
            self._waiting.remove(ticket)
            if was_first and self._waiting:
                self._waiting[0].release()


def _portion(most: int, rate: float | None, sharers: int) -> int:
    if rate is None:
        return most
    return min(most, max(1, int(rate * _PORTION_S / sharers)))


def _window(begin: str | None, end: str | None, rate: float | None) -> _Window:
    if rate is not None and not rate > 0:
        raise ValueError(f"a rate is above zero or None, not {rate}")
    if (begin is None) != (end is None):
        raise ValueError("a window has a begin and an end, or neither")
    midnight = time_of_day()
    return _Window(
        begin=midnight if begin is None else _time(begin),
        end=midnight if end is None else _time(end),
        rate=rate,
    )


def _time(text: str) -> time_of_day:
    if text == "24:00":  # ISO 8601's end of a day
        return time_of_day()
    hour, _, minute = text.partition(":")
    return time_of_day(int(hour), int(minute))


def _local_now() -> datetime:
    return datetime.now().astimezone()
