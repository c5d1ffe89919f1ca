"""What a person sees of a run: lines in a log, bars in a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from airgap.cli.progress import Lines, show_progress
from airgap.cli.screen import Screen
from airgap.progress import Event, Moved, Planned, Report, Summary
from tests.progress.test_standing import MIB, Clock

__all__: list[str] = []


@pytest.fixture
def clock() -> Clock:
    return Clock()


def drawn(screen: Screen, width: int = 120) -> list[str]:
    """Return the lines a terminal would show."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(screen)
    return [line.rstrip() for line in capture.get().splitlines()]


RUN: list[Report] = [
    Planned(size_bytes=200 * MIB),
    Moved(item="v1.11.5/initramfs-amd64.xz", done_bytes=30 * MIB, size_bytes=120 * MIB),
    Moved(item=f"sha256:{'ab' * 32}", done_bytes=20 * MIB, size_bytes=80 * MIB),
]


def test_a_terminal_shows_a_total_and_a_line_an_item_under_way(clock: Clock) -> None:
    screen = Screen("fetch", clock)
    clock.now += 5
    for report in RUN:
        screen(report)
    total, first, second = drawn(screen)
    assert total.startswith("fetch ")
    assert "50.0 MiB of 200.0 MiB · 10.0 MiB/s · 15 s left" in total
    assert "v1.11.5/initramfs-amd64.xz" in first
    assert "25 % of 120.0 MiB" in first
    assert "sha256:abababababab" in second
    assert "25 % of 80.0 MiB" in second


def test_an_item_that_is_done_has_no_line_any_more(clock: Clock) -> None:
    screen = Screen("fetch", clock)
    for report in RUN:
        screen(report)
    screen(
        Event(item="v1.11.5/initramfs-amd64.xz", outcome="fetched", size=120 * MIB, done=1, total=2)
    )
    total, *rest = drawn(screen)
    assert "1/2" in total
    assert [line for line in rest if "initramfs" in line] == []


def test_more_items_than_fit_are_counted(clock: Clock) -> None:
    screen = Screen("up", clock)
    for number in range(20):
        screen(Moved(item=f"item {number}", done_bytes=1, size_bytes=2))
    assert drawn(screen)[-1].strip() == "and 8 more"


def test_an_item_with_brackets_is_shown_as_it_is(clock: Clock) -> None:
    screen = Screen("up", clock)
    screen(Moved(item="[red]x[/red]", done_bytes=1, size_bytes=2))
    assert "[red]x[/red]" in drawn(screen)[1]


def test_a_log_gets_one_line_an_item(clock: Clock) -> None:
    printed: list[str] = []
    lines = Lines("fetch", printed.append, clock)
    lines(Event(item="pause:3.10", outcome="present", done=1, total=2))
    lines(Event(item="etcd:3.6.5", outcome="fetched", size=3 * MIB, done=2, total=2))
    assert printed == ["fetch: 1/2 present pause:3.10", "fetch: 2/2 fetched etcd:3.6.5, 3.0 MiB"]


def test_a_log_gets_a_line_about_bytes_every_five_seconds_at_most(clock: Clock) -> None:
    printed: list[str] = []
    lines = Lines("fetch", printed.append, clock)
    lines(Planned(size_bytes=400 * MIB))
    for step in range(1, 81):  # four a second, for twenty seconds
        clock.now = 1000 + step / 4
        lines(Moved(item="big", done_bytes=step * MIB, size_bytes=400 * MIB))
    assert len(printed) == 4
    assert printed[0].startswith("fetch: 20.0 MiB of 400.0 MiB · ")
    assert printed[0].endswith("; big 5 % of 400.0 MiB")


def test_a_log_has_no_control_characters() -> None:
    out = io.StringIO()
    with show_progress("fetch", Console(file=out, width=40)) as show:
        show(Event(item="a/" * 60 + "b:1", outcome="pushed", done=1, total=1))
    assert out.getvalue() == f"fetch: 1/1 pushed {'a/' * 60}b:1\n"


def test_a_terminal_is_left_as_it_was() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=True, color_system=None)
    with show_progress("fetch", console) as show:
        show(Moved(item="x", done_bytes=1, size_bytes=2))
    assert "\x1b[?25l" in out.getvalue()  # the cursor was hidden (ECMA-48, DECTCEM)
    assert out.getvalue().rindex("\x1b[?25h") > out.getvalue().rindex("\x1b[?25l")


def test_the_summary_is_kept() -> None:
    summary = Summary(moved_bytes=1, skipped=2, mounted=3, retried=4, seconds=5.0)
    with show_progress("fetch", Console(file=io.StringIO())) as show:
        show(summary)
    assert show.summary == summary
