"""Progress drawn in a terminal by rich: a total, and a line with a bar for each item under way."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from airgap.cli.progress import Lines, Show, say_share
from airgap.progress import say_awaited, say_progress, short_item

__all__ = ["Screen", "draw"]

_MOST_LINES = 12
_BAR_WIDTH = 24


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
            rows.add_row("  ", Text(short_item(moved.item)), bar, Text(say_share(moved)))
        if len(items) > _MOST_LINES:
            rows.add_row("", Text(f"and {len(items) - _MOST_LINES} more"))
        waiting = self.standing.awaited()
        for awaited in waiting[:_MOST_LINES]:
            rows.add_row("  ", Text(short_item(awaited.item)), Text(say_awaited(awaited)))
        return Group(self._total(), rows) if items or waiting else self._total()

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


def draw(title: str, on: Console | None) -> tuple[Show, AbstractContextManager[object]]:
    """Return what takes reports, and what draws it meanwhile: on stderr by default."""
    console = on or Console(stderr=True, highlight=False)
    if not console.is_terminal:
        lines = Lines(title, lambda line: console.print(line, markup=False, soft_wrap=True))
        return lines, nullcontext()
    screen = Screen(title)
    return screen, Live(screen, console=console, transient=True, refresh_per_second=8)
