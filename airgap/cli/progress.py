"""Progress for people: bars in a terminal, plain lines in a log.

A terminal shows a total (items, bytes, rate, time left) and below it a line for each item whose
bytes are moving. A log (CI) gets one line an item that is done, and while large ones move a line
about all of them, at most every five seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from airgap.cli.output import console
from airgap.errors import AirgapError
from airgap.progress import (
    Event,
    Moved,
    Report,
    Standing,
    Summary,
    count_bytes,
    say_progress,
    say_summary,
    short_item,
)

__all__ = ["Lines", "Screen", "Show", "show_progress"]

LOG_EVERY_S = 5.0
_MOST_LINES = 12
_BAR_WIDTH = 24


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


class Screen(Show):
    """Draws the run as rich renders it, several times a second."""

    def __rich__(self) -> RenderableType:
        """Return the total, and a line an item under way."""
        items = self.standing.under_way()
        rows = Table.grid(padding=(0, 1))
        for moved in items[:_MOST_LINES]:
            bar = ProgressBar(
                total=moved.size_bytes or None, completed=moved.done_bytes, width=_BAR_WIDTH
            )
            rows.add_row("  ", Text(short_item(moved.item)), bar, Text(_share(moved)))
        if len(items) > _MOST_LINES:
            rows.add_row("", Text(f"and {len(items) - _MOST_LINES} more"))
        return Group(self._total(), rows) if items else self._total()

    def _total(self) -> RenderableType:
        standing = self.standing
        planned = standing.planned_bytes
        bar = ProgressBar(
            total=planned or standing.total or None,
            completed=standing.moved_bytes if planned else standing.done,
            width=_BAR_WIDTH,
        )
        row = Table.grid(padding=(0, 1))
        last = "" if standing.last is None or standing.under_way() else standing.last.item
        row.add_row(
            self.title, bar, Text(say_progress(standing), no_wrap=True), Text(short_item(last))
        )
        return row


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
                case Moved() if self._clock() >= self._next:
                    self._next = self._clock() + LOG_EVERY_S
                    self._print(f"{self.title}: {self._under_way()}")
                case _:
                    pass

    def _under_way(self) -> str:
        items = [f"{short_item(item.item)} {_share(item)}" for item in self.standing.under_way()]
        return "; ".join([say_progress(self.standing), *items])


@contextmanager
def show_progress(title: str, on: Console = console) -> Iterator[Show]:
    """Yield a callback that shows reports under a title, on stderr; what failed has a summary."""

    def say(line: str) -> None:
        on.print(line, markup=False, soft_wrap=True)

    screen = Screen(title)
    show = screen if on.is_terminal else Lines(title, say)
    live = Live(screen, console=on, transient=True, refresh_per_second=8)
    try:
        with live if on.is_terminal else nullcontext():
            yield show
    except AirgapError:
        if show.summary:
            say(f"{title}: {say_summary(show.summary)}")
        raise


def _share(moved: Moved) -> str:
    """Return how much of an item is there: `40 % of 120.0 MiB`."""
    if not moved.size_bytes:
        return count_bytes(moved.done_bytes)
    return f"{100 * moved.done_bytes // moved.size_bytes} % of {count_bytes(moved.size_bytes)}"
