"""Progress for people: a bar in a terminal, plain lines now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from airgap.cli.output import console

__all__ = ["Step", "show_progress"]

LOG_EVERY_S = 10.0


class Step(Protocol):
    """An event of any room: which item, and how many of how many are done."""

    @property
    def item(self) -> str:
        """What is done."""

    @property
    def outcome(self) -> str:
        """How."""

    @property
    def done(self) -> int:
        """Items done so far."""

    @property
    def total(self) -> int:
        """Items known so far."""


@contextmanager
def show_progress(title: str) -> Iterator[Callable[[Step], None]]:
    """Yield a callback that shows events under a title."""
    if not console.is_terminal:
        yield _plain(title)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    last = TextColumn("{task.fields[item]}", markup=False)
    bars = Progress(*columns, TimeElapsedColumn(), last, console=console, transient=True)
    with bars as progress:
        task = progress.add_task(title, total=None, item="")

        def show(event: Step) -> None:
            progress.update(task, completed=event.done, total=event.total, item=event.item[-60:])

        yield show


def _plain(title: str) -> Callable[[Step], None]:
    said = time.monotonic()

    def show(event: Step) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= LOG_EVERY_S:
            said = now
            line = f"{title}: {event.done} of {event.total}, last {event.item} ({event.outcome})"
            console.print(line, markup=False, soft_wrap=True)

    return show
