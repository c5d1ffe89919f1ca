"""A cap holds to ±5 % over any ten seconds, and a window's edge within a second."""

from __future__ import annotations

import random
import threading
from bisect import bisect_left
from datetime import datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.net import Pace, Schedule, StoppedError
from airgap.net.pace import _Line
from tests.net.clock import Clock

MIB = 2**20
SPAN_S = 10.0
TOLERANCE = 0.05
NIGHT = (("22:00", "06:00", None), (None, None, 20.0 * MIB))

Passed = list[tuple[float, int]]


def limited(rate: float, clock: Clock) -> Pace:
    return Pace(
        Schedule([(None, None, rate)]),
        monotonic=clock.monotonic,
        wall=clock.wall,
        sleep=clock.sleep,
    )


def amounts(passed: Passed) -> list[int]:
    """Return what passed in each span of ten seconds that begins with some bytes."""
    times = [moment for moment, _ in passed]
    totals = [0]
    for _, count in passed:
        totals.append(totals[-1] + count)
    return [
        totals[bisect_left(times, moment + SPAN_S)] - totals[position]
        for position, moment in enumerate(times)
        if moment + SPAN_S <= times[-1]
    ]


def stream(pace: Pace, clock: Clock, *, seconds: float, most: int, stalls: list[float]) -> Passed:
    """Pass bytes as fast as the pace lets them, with stalls now and then."""
    passed: Passed = []
    left = list(stalls)
    while clock.now < seconds:
        if left and clock.now > seconds * (len(stalls) - len(left) + 1) / (len(stalls) + 2):
            clock.now += left.pop(0)
        count = pace.portion(most)
        pace.take(count)
        passed.append((clock.now, count))
    return passed


@settings(max_examples=25, deadline=None)
@given(
    rate=st.sampled_from([1000.0, 64.0 * 1024, 1.0 * MIB, 20.0 * MIB, 125e6, 2.0**30]),
    most=st.sampled_from([512, 16 * 1024, MIB, 8 * MIB]),
    late=st.floats(0.0, 0.02),
    seed=st.integers(0, 2**16),
)
def test_amount_is_within_five_percent_over_any_ten_seconds(
    rate: float, most: int, late: float, seed: int
) -> None:
    most = max(most, int(rate / 200))  # a reader of tiny pieces at a huge rate is its own limit
    chance = random.Random(seed)  # noqa: S311 (no secret)
    clock = Clock(late=lambda: chance.uniform(0.0, late))
    passed = stream(limited(rate, clock), clock, seconds=14.0, most=most, stalls=[0.2, 0.1])
    found = amounts(passed)
    assert len(found) > 100
    assert max(found) <= rate * SPAN_S * (1 + TOLERANCE)
    assert min(found) >= rate * SPAN_S * (1 - TOLERANCE)


@settings(max_examples=12, deadline=None)
@given(stalls=st.lists(st.floats(0.0, 30.0), max_size=6))
def test_no_stall_is_caught_up_beyond_the_tolerance(stalls: list[float]) -> None:
    clock = Clock()
    rate = 1.0 * MIB
    passed = stream(limited(rate, clock), clock, seconds=60.0, most=MIB, stalls=stalls)
    assert max(amounts(passed), default=0) <= rate * SPAN_S * (1 + TOLERANCE)


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 6 * MIB), min_size=5, max_size=20))
def test_takes_of_any_size_cost_their_time(sizes: list[int]) -> None:
    clock = Clock()
    rate = 1.0 * MIB
    pace = limited(rate, clock)
    for size in sizes:
        pace.take(size)
    expected = sum(sizes) / rate
    assert clock.now == pytest.approx(expected, abs=0.05)


def test_all_streams_share_one_rate() -> None:
    clock = Clock()
    rate = 4.0 * MIB
    pace = limited(rate, clock)
    passed: Passed = []
    lock = threading.Lock()

    def run() -> None:
        for _ in range(400):
            count = pace.portion(64 * 1024)
            pace.take(count)
            with lock:
                passed.append((clock.now, count))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(count for _, count in passed) / clock.now == pytest.approx(rate, rel=TOLERANCE)
    assert max(amounts(sorted(passed)), default=0) <= rate * SPAN_S * (1 + TOLERANCE)


def test_streams_take_turns_in_the_order_they_came() -> None:
    line, order = _Line(), list[int]()

    def run(number: int) -> None:
        with line.turn():
            order.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    with line.turn():
        for number, thread in enumerate(threads):
            thread.start()
            while line.waiting < number + 2:
                threading.Event().wait(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(6))
    assert line.waiting == 0


def test_no_limit_costs_nothing() -> None:
    clock = Clock()
    pace = Pace(monotonic=clock.monotonic, wall=clock.wall, sleep=clock.sleep)
    pace.take(2**60)
    assert pace.portion(MIB) == MIB
    assert not pace.is_limited
    assert clock.sleeps == []


# Windows


@pytest.mark.parametrize(
    ("moment", "rate"),
    [
        (time(22, 0), None),
        (time(23, 59, 59), None),
        (time(0, 0), None),
        (time(5, 59, 59), None),
        (time(6, 0), 20.0 * MIB),
        (time(21, 59, 59), 20.0 * MIB),
    ],
)
def test_window_over_midnight(moment: time, rate: float | None) -> None:
    assert Schedule(NIGHT).rate_at(moment) == rate


def test_first_window_that_fits_counts_and_outside_all_there_is_no_limit() -> None:
    schedule = Schedule([("08:00", "18:00", 1.0), ("12:00", "13:00", 2.0), ("20:00", "24:00", 3.0)])
    rates = [schedule.rate_at(time(hour)) for hour in (7, 8, 12, 18, 20, 23)]
    assert rates == [None, 1.0, 1.0, None, 3.0, 3.0]


def test_window_that_ends_where_it_begins_is_the_whole_day() -> None:
    assert Schedule([("06:00", "06:00", 7.0)]).rate_at(time(5)) == 7.0


@pytest.mark.parametrize(
    "window",
    [
        ("25:00", "06:00", 1.0),
        ("x", "06:00", 1.0),
        ("06:00", None, 1.0),
        (None, "06:00", 1.0),
        (None, None, 0.0),
        (None, None, -1.0),
        (None, None, float("nan")),
    ],
)
def test_window_that_is_none_is_refused(window: tuple[str | None, str | None, float]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Schedule([window])


def at(hour: int, minute: int, second: int) -> datetime:
    return datetime(2026, 1, 15, hour, minute, second)  # noqa: DTZ001 (local time on purpose)


def nightly(clock: Clock, rate: float) -> Pace:
    return Pace(
        Schedule([("22:00", "06:00", None), (None, None, rate)]),
        monotonic=clock.monotonic,
        wall=clock.wall,
        sleep=clock.sleep,
    )


def test_window_that_opens_frees_a_stream_that_waits() -> None:
    """100 MiB at 1 MiB/s would take 100 s; ten seconds before the night they take ten."""
    clock = Clock(at(21, 59, 50))
    nightly(clock, 1.0 * MIB).take(100 * MIB)
    assert 10.0 <= clock.now <= 11.0


def test_window_that_closes_holds_at_once() -> None:
    clock = Clock(at(5, 59, 55))
    rate = 1.0 * MIB
    pace = nightly(clock, rate)
    passed: Passed = []
    while clock.now < 30.0:
        count = pace.portion(MIB)
        pace.take(count)
        if clock.wall() < at(6, 0, 0):
            clock.now += 0.01  # what the network itself takes
        passed.append((clock.now, count))
    night = sum(count for moment, count in passed if moment < 5.0)
    day = sum(count for moment, count in passed if 5.0 <= moment < 15.0)
    assert night > 100 * MIB
    assert rate * SPAN_S * (1 - TOLERANCE) <= day <= rate * SPAN_S * (1 + TOLERANCE) + MIB


def test_stream_that_waits_follows_a_lower_rate() -> None:
    clock = Clock(at(7, 59, 55))
    schedule = Schedule([("08:00", "18:00", 1.0 * MIB), (None, None, 2.0 * MIB)])
    pace = Pace(schedule, monotonic=clock.monotonic, wall=clock.wall, sleep=clock.sleep)
    pace.take(20 * MIB)  # 10 MiB until eight, 10 more afterwards
    assert clock.now == pytest.approx(15.0, abs=1.0)


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_change_to_or_from_summer_time_keeps_the_rate(jump: timedelta) -> None:
    """Only the clock on the wall jumps; the limit is by day, and both hours are in it."""
    clock = Clock(at(12, 0, 0))
    pace = Pace(
        Schedule([("08:00", "18:00", 1.0 * MIB), (None, None, None)]),
        monotonic=clock.monotonic,
        wall=lambda: clock.wall() + (jump if clock.now > 5.0 else timedelta()),
        sleep=clock.sleep,
    )
    pace.take(20 * MIB)
    assert clock.now == pytest.approx(20.0, rel=TOLERANCE)


def test_stop_ends_a_wait_and_every_later_take() -> None:
    clock = Clock()
    pace = limited(1.0, clock)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        pace.stop()

    pace._sleep = sleep
    with pytest.raises(StoppedError):
        pace.take(1000)
    assert clock.now < 1.0
    with pytest.raises(StoppedError):
        pace.take(1)


def test_stop_ends_unlimited_streams_too() -> None:
    pace = Pace()
    pace.stop()
    with pytest.raises(StoppedError):
        pace.take(1)
