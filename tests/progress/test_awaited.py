"""Waiting for somebody else: told, drawn, and over with the item's first byte or its end."""

from __future__ import annotations

import io

from rich.console import Console

from airgap.cli.progress import Lines
from airgap.cli.screen import Screen
from airgap.progress import Awaited, Event, Moved, Standing, Summary, say_awaited

__all__: list[str] = []

KEY = f"v1.11.5/{'ab' * 32}/initramfs-amd64.xz"


def waiting(seconds: float = 95.4, item: str = KEY) -> Awaited:
    return Awaited(item=item, what="being built by the factory", seconds=seconds)


def test_it_is_said_what_is_done_and_for_how_long() -> None:
    assert say_awaited(waiting()) == "being built by the factory (1 min 35 s)"


def test_what_comes_is_waited_for_no_more() -> None:
    standing = Standing()
    for item in ("first", "second", "third"):
        standing.take(waiting(item=item))
    standing.take(waiting(100, "first"))
    assert [each.seconds for each in standing.awaited()] == [100, 95.4, 95.4]
    standing.take(Moved(item="first", done_bytes=1, size_bytes=0))
    standing.take(Event(item="second", outcome="resolved", done=1, total=3))
    assert [each.item for each in standing.awaited()] == ["third"]
    standing.take(Summary(moved_bytes=0, skipped=0, mounted=0, retried=0, seconds=1))
    assert standing.awaited() == ()


def test_a_log_gets_a_line_each_time() -> None:
    printed: list[str] = []
    lines = Lines("lock", printed.append)
    lines(waiting(15))
    lines(waiting(30))
    assert printed == [
        f"lock: {KEY}: being built by the factory (15 s)",
        f"lock: {KEY}: being built by the factory (30 s)",
    ]


def test_a_terminal_has_a_line_for_it() -> None:
    screen = Screen("lock")
    screen(waiting())
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(screen)
    _, line = capture.get().splitlines()
    assert "initramfs-amd64.xz" in line
    assert line.rstrip().endswith("being built by the factory (1 min 35 s)")
