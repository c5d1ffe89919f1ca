"""Progress for people: bars in a terminal, plain lines in a log.

A terminal shows a total (items, bytes, rate, time left) and below it a line for each item whose
bytes are moving. A log (CI) gets one line an item that is done, and while large ones move a line
about all of them, at most every five seconds; and a line while one is waited for.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from airgap.cli.output import say
from airgap.errors import AirgapError
from airgap.progress import (
    Awaited,
    Event,
    Moved,
    Report,
    Standing,
    Summary,
    count_bytes,
    say_awaited,
    say_progress,
    say_summary,
    short_item,
)

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Lines", "Show", "say_share", "show_progress"]

LOG_EVERY_S = 5.0


class Show:
    """A callback for reports that also keeps how far the run is."""

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.title = title
        self.standing = Standing(clock)

    @property
    def summary(self) -> Summary | None:
        """The run's own summary, once it has come."""
        return self.standing.summary

    def __call__(self, report: Report) -> None:
        """Take a report."""
        self.standing.take(report)


class Lines(Show):
    """Prints plain lines.

    Args:
        title: What they begin with.
        printer: Prints one.
        clock: For tests.
    """

    def __init__(
        self,
        title: str,
        printer: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(title, clock)
        self._print = printer
        self._clock = clock
        self._next = clock() + LOG_EVERY_S
        self._lock = threading.Lock()

    def __call__(self, report: Report) -> None:
        """Take a report, and print it when it is worth a line."""
        super().__call__(report)
        with self._lock:
            match report:
                case Event():
                    size = f", {count_bytes(report.size)}" if report.size else ""
                    line = f"{report.done}/{report.total} {report.outcome} {report.item}{size}"
                    self._print(f"{self.title}: {line}")
                case Awaited():
                    self._print(f"{self.title}: {report.item}: {say_awaited(report)}")
                case Moved() if self._clock() >= self._next:
                    self._next = self._clock() + LOG_EVERY_S
                    self._print(f"{self.title}: {self._under_way()}")
                case _:
                    pass

    def _under_way(self) -> str:
        items = [f"{short_item(item.item)} {say_share(item)}" for item in self.standing.under_way()]
        return "; ".join([say_progress(self.standing), *items])


@contextmanager
def show_progress(title: str, on: Console | None = None) -> Iterator[Show]:
    """Yield a callback that shows reports under a title, on stderr; what failed has a summary.

    rich is only imported where there is a terminal to draw on.
    """
    if on is None and not sys.stderr.isatty():
        show: Show = Lines(title, say)
        drawn: AbstractContextManager[object] = nullcontext()
    else:
        from airgap.cli.screen import draw

        show, drawn = draw(title, on)
    try:
        with drawn:
            yield show
    except AirgapError:
        if show.summary:
            say(f"{title}: {say_summary(show.summary)}")
        raise


def say_share(moved: Moved) -> str:
    """Return how much of an item is there: `40 % of 120.0 MiB`."""
    if not moved.size_bytes:
        return count_bytes(moved.done_bytes)
    return f"{100 * moved.done_bytes // moved.size_bytes} % of {count_bytes(moved.size_bytes)}"
