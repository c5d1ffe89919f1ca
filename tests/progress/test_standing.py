"""How far a run is, from its reports, with a clock of the test's own."""

from __future__ import annotations

import threading

import pytest

from airgap.progress import (
    Event,
    Meter,
    Moved,
    Planned,
    Report,
    Standing,
    Summary,
    Tally,
    count_bytes,
    say_progress,
    say_summary,
    short_item,
)

__all__: list[str] = []

MIB = 1 << 20


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def moved(item: str, done: int, size: int = 100 * MIB) -> Moved:
    return Moved(item=item, done_bytes=done, size_bytes=size)


def test_bytes_of_done_items_and_of_those_under_way_add_up(clock: Clock) -> None:
    standing = Standing(clock)
    standing.take(Planned(size_bytes=300 * MIB))
    standing.take(moved("a", 60 * MIB))
    standing.take(moved("b", 40 * MIB))
    assert (standing.moved_bytes, standing.planned_bytes) == (100 * MIB, 300 * MIB)
    standing.take(Event(item="a", outcome="fetched", size=100 * MIB, done=1, total=3))
    assert standing.moved_bytes == 140 * MIB
    assert [item.item for item in standing.under_way()] == ["b"]
    assert (standing.done, standing.total) == (1, 3)


def test_rate_and_time_left_are_those_of_the_last_quarter_of_a_minute(clock: Clock) -> None:
    standing = Standing(clock)
    standing.take(Planned(size_bytes=1000 * MIB))
    for second in range(101):
        clock.now = 1000.0 + second
        standing.take(moved("a", (second if second < 50 else 50 + (second - 50) * 5) * MIB, 0))
    assert standing.rate == pytest.approx(5 * MIB)
    assert standing.left_s == pytest.approx((1000 - 300) / 5)


def test_without_a_plan_nobody_knows_how_long_it_takes(clock: Clock) -> None:
    standing = Standing(clock)
    standing.take(moved("a", 0))
    clock.now += 10
    standing.take(moved("a", 50 * MIB))
    assert standing.rate == pytest.approx(5 * MIB)
    assert standing.left_s is None
    assert say_progress(standing) == "50.0 MiB · 5.0 MiB/s"


def test_a_run_in_words(clock: Clock) -> None:
    standing = Standing(clock)
    standing.take(Planned(size_bytes=800 * MIB))
    standing.take(Event(item="x", outcome="fetched", size=0, done=3, total=45))
    clock.now += 10
    standing.take(moved("a", 120 * MIB, 200 * MIB))
    assert say_progress(standing) == "3/45 · 120.0 MiB of 800.0 MiB · 12.0 MiB/s · 57 s left"


def test_a_summary_in_words() -> None:
    summary = Summary(
        moved_bytes=200 * MIB, skipped=291, mounted=12, retried=3, seconds=4.0, resumed_bytes=MIB
    )
    assert say_summary(summary) == (
        "200.0 MiB moved, 291 skipped, 12 mounted, 3 retried, 1.0 MiB kept from before; "
        "4.0 s (50.0 MiB/s)"
    )
    nothing = Summary(moved_bytes=0, skipped=300, mounted=0, retried=0, seconds=0.5)
    assert say_summary(nothing) == "0 B moved, 300 skipped, 0 mounted, 0 retried; 0.5 s"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (3 * MIB // 2, "1.5 MiB"),
        (1 << 50, "1024.0 TiB"),
    ],
)
def test_bytes_in_words_are_of_iec_80000_13(count: int, words: str) -> None:
    assert count_bytes(count) == words


def test_an_item_is_shortened_where_it_says_least() -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    assert short_item(digest) == "sha256:0123456789ab"
    assert short_item("v1.11.5/vmlinuz-amd64") == "v1.11.5/vmlinuz-amd64"
    long = short_item("registry.example/" + "deep/" * 20 + "image:v1.2.3")
    assert len(long) == 48
    assert long.startswith("…")
    assert long.endswith("/image:v1.2.3")


def test_a_meter_tells_four_times_a_second_at_most(clock: Clock) -> None:
    told: list[Report] = []
    meter = Meter("a", 100, told.append, done_bytes=10, clock=clock)
    for _ in range(80):
        clock.now += 0.0625  # exact in binary: sixteen a second, for five seconds
        meter.add(1)
    assert len(told) == 5 * 4
    assert told[-1] == Moved(item="a", done_bytes=90, size_bytes=100)


def test_a_meter_takes_back_what_moves_again(clock: Clock) -> None:
    told: list[Report] = []
    meter = Meter("a", 100, told.append, clock=clock)
    meter.add(50)
    clock.now += 1
    meter.add(-50)
    assert told == [Moved(item="a", done_bytes=0, size_bytes=100)]


def test_counts_from_many_threads_are_all_there() -> None:
    standing = Standing()
    tally = Tally(800, standing.take)

    def count() -> None:
        for _ in range(100):
            tally.add("x", "fetched", 1)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (standing.done, standing.total, standing.moved_bytes) == (800, 800, 800)
