"""Places at a host rise and fall by themselves, waits are the whole host's, and all may leave."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.errors import UpstreamError
from airgap.net import RetryPolicy, StoppedError, Traffic
from airgap.net.failure import refused, unreachable
from airgap.net.gate import START, Gate, Place
from tests.net.clock import Clock

URL = "https://r.example/v2/a/blobs/x"
MANIFEST = "https://r.example/v2/a/manifests/x"
OTHER = "https://cdn.example/x"


def unanswered(error: Exception) -> UpstreamError:
    """Return the error as the wire raises it: with its cause."""
    found = unreachable(URL, error)
    found.__cause__ = error
    return found


PUSH_BACKS = {
    "429": refused("GET", URL, 429, {}, b""),
    "503": refused("GET", URL, 503, {}, b""),
    "timeout": unanswered(TimeoutError("timed out")),
    "httpx timeout": unanswered(httpx.ConnectTimeout("timed out")),
}
OTHERS = {
    "404": refused("GET", URL, 404, {}, b""),
    "500": refused("GET", URL, 500, {}, b""),
    "reset": unanswered(ConnectionResetError()),
}


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.001)


def made(clock: Clock) -> Traffic:
    return Traffic(clock=clock.monotonic, sleep=clock.sleep)


def limit(traffic: Traffic, url: str = URL) -> int:
    """Return how many threads get a place at the same time."""
    got: list[int] = []
    leave = threading.Event()

    def run() -> None:
        with traffic.attempt(url):
            got.append(1)
            leave.wait()

    def is_settled() -> bool:
        """Each has a place or waits behind as many as there are."""
        with traffic._changed:
            line = list(traffic._gate(host).line) if traffic._most_per_host else []
            is_full = not line or not traffic._gate(host).has_room
            return is_full and len(got) + len(line) == len(threads)

    parts = urlsplit(url)
    host = (str(parts.hostname), {"http": 80, "https": 443}[parts.scheme])
    threads = [threading.Thread(target=run) for _ in range(24)]
    for thread in threads:
        thread.start()
    until(is_settled)
    count = len(got)
    leave.set()
    for thread in threads:
        thread.join()
    return count


@contextmanager
def held(traffic: Traffic, url: str, *, count: int) -> Iterator[None]:
    """Hold places from other threads."""
    ready, leave = threading.Barrier(count + 1), threading.Event()

    def run() -> None:
        with traffic.attempt(url):
            ready.wait()
            leave.wait()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    ready.wait()
    try:
        yield
    finally:
        leave.set()
        for thread in threads:
            thread.join()


def fail(traffic: Traffic, error: Exception, url: str = URL) -> None:
    with pytest.raises(type(error)), traffic.attempt(url):
        raise error


# The arithmetic


def test_host_starts_with_four_places() -> None:
    assert limit(Traffic()) == START == 4


def test_fewer_places_where_fewer_are_allowed() -> None:
    assert limit(Traffic(most_per_host=2)) == 2


@pytest.mark.parametrize("error", PUSH_BACKS.values(), ids=PUSH_BACKS.keys())
def test_push_back_halves_the_places(error: UpstreamError) -> None:
    traffic = Traffic()
    fail(traffic, error)
    assert limit(traffic) == 2


@pytest.mark.parametrize("error", OTHERS.values(), ids=OTHERS.keys())
def test_other_failures_do_not(error: UpstreamError) -> None:
    traffic = Traffic()
    fail(traffic, error)
    assert limit(traffic) == 4


def test_hosts_do_not_share_places() -> None:
    traffic = Traffic()
    fail(traffic, PUSH_BACKS["429"])
    assert limit(traffic, OTHER) == 4
    assert limit(traffic, "http://r.example/") == 4  # another port is another server


def full_window(gate: Gate) -> list[Place]:
    places = [Place(thread=number) for number in range(gate.limit)]
    for place in places:
        gate.enter(place)
    return places


def test_one_clean_window_adds_one_place() -> None:
    gate = Gate(most=16)
    for expected in (5, 6, 7):
        for place in full_window(gate):
            gate.leave(place, is_good=True)
        assert gate.limit == expected


def test_places_that_were_never_all_used_are_not_added_to() -> None:
    gate = Gate(most=16)
    for number in range(100):
        place = Place(thread=number)
        gate.enter(place)
        gate.leave(place, is_good=True)
    assert gate.limit == 4


def test_push_backs_of_requests_that_were_under_way_together_count_once() -> None:
    gate = Gate(most=16, limit=0)
    gate.limit = 16
    for place in full_window(gate):
        gate.push_back(place)
        gate.leave(place, is_good=False)
    assert gate.limit == 8


@settings(max_examples=60, deadline=None)
@given(
    most=st.integers(1, 64),
    steps=st.lists(st.sampled_from(["enter", "good", "bad", "push"]), max_size=200),
)
def test_limit_stays_between_one_and_the_most(most: int, steps: list[str]) -> None:
    gate = Gate(most=most)
    for number, step in enumerate(steps):
        if step == "enter" and gate.has_room:
            gate.enter(Place(thread=number))
        elif step != "enter" and gate.held:
            place = gate.held[0]
            if step == "push":
                gate.push_back(place)
            gate.leave(place, is_good=step == "good")
        assert 1 <= gate.limit <= most


# Waiting


def test_retry_after_keeps_the_whole_host_waiting_and_no_other() -> None:
    clock = Clock()
    traffic = made(clock)
    fail(traffic, refused("GET", URL, 429, {"retry-after": "7"}, b""))
    with traffic.attempt(OTHER):
        assert clock.now == 0.0
    with traffic.attempt(MANIFEST):
        assert clock.now == pytest.approx(7.0)


def test_error_that_is_no_push_back_keeps_nobody_waiting() -> None:
    clock = Clock()
    traffic = made(clock)
    fail(traffic, UpstreamError("busy", status=500, retryable=True, retry_after_s=7.0))
    with traffic.attempt(URL):
        assert clock.now == 0.0


def test_used_up_rate_limit_is_waited_for_before_the_host_refuses() -> None:
    clock = Clock()
    traffic = made(clock)
    traffic.observe(URL, {"ratelimit": "limit=10, remaining=1, reset=9"})
    with traffic.attempt(URL):
        assert clock.now == 0.0
    traffic.observe(URL, {"ratelimit": "limit=10, remaining=0, reset=9"})
    with traffic.attempt(URL):
        assert clock.now == pytest.approx(9.0)


def test_long_silence_is_an_error_that_says_until_when_and_asks_nothing() -> None:
    clock = Clock()
    traffic = made(clock)
    fail(traffic, refused("GET", MANIFEST, 429, {"retry-after": "21600"}, b""), MANIFEST)
    with (
        pytest.raises(UpstreamError, match=r"r\.example: .*before 20\d\d-\d\d-\d\d") as caught,
        traffic.attempt(MANIFEST),
    ):
        raise AssertionError("this would have been asked")
    assert clock.now == 0.0
    assert not caught.value.retryable
    assert caught.value.status == 429
    clock.now = 21601.0
    with traffic.attempt(MANIFEST):
        pass


def test_blobs_are_still_read_while_a_manifest_quota_is_used_up() -> None:
    """Docker Hub counts manifests (docs.docker.com/docker-hub/usage/pulls), never blobs."""
    clock = Clock()
    traffic = made(clock)
    hub = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600"}
    traffic.observe(MANIFEST, hub)  # the last one that is allowed: nobody knows until when
    with traffic.attempt(MANIFEST):
        pass
    fail(traffic, refused("GET", MANIFEST, 429, hub, b""), MANIFEST)
    with pytest.raises(UpstreamError, match="rate limit"), traffic.attempt(MANIFEST):
        pass
    with traffic.attempt(URL):
        assert clock.now == 0.0


def test_place_is_free_for_a_thread_that_has_one_at_the_host() -> None:
    traffic = Traffic(most_per_host=1)
    with traffic.attempt(URL), traffic.attempt(MANIFEST), traffic.attempt(URL):
        pass
    assert limit(traffic) == 1


def test_nested_push_back_counts_once() -> None:
    traffic = Traffic()

    def ask() -> None:
        with traffic.attempt(URL), traffic.attempt(URL):
            traffic.push_back(URL, PUSH_BACKS["503"])
            raise PUSH_BACKS["503"]

    with pytest.raises(UpstreamError):
        ask()
    assert limit(traffic) == 2


def test_copies_in_both_directions_do_not_wait_for_each_other_for_ever() -> None:
    traffic = Traffic(most_per_host=1)
    both = threading.Barrier(2)

    def copy(source: str, destination: str) -> None:
        with traffic.attempt(source):
            both.wait()
            with traffic.attempt(destination):
                pass

    threads = [
        threading.Thread(target=copy, args=pair, daemon=True)
        for pair in ((URL, OTHER), (OTHER, URL))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


def test_places_are_given_in_the_order_they_were_asked_for() -> None:
    traffic = Traffic(most_per_host=1)
    order: list[int] = []

    def run(number: int) -> None:
        with traffic.attempt(URL):
            order.append(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    gate = traffic._gate(("r.example", 443))
    with traffic.attempt(URL):
        for number, thread in enumerate(threads):
            thread.start()
            until(lambda count=number: len(gate.line) > count)  # type: ignore[misc]  # a default
    for thread in threads:
        thread.join()
    assert order == list(range(6))


def test_many_threads_never_exceed_the_limit() -> None:
    traffic = Traffic(most_per_host=3)
    lock = threading.Lock()
    now = most = done = 0

    def run() -> None:
        nonlocal now, most, done
        for _ in range(30):
            with traffic.attempt(URL):
                with lock:
                    now += 1
                    most = max(most, now)
                time.sleep(0)
                with lock:
                    now -= 1
                    done += 1

    threads = [threading.Thread(target=run) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 3
    assert done == 360
    gate = traffic._gate(("r.example", 443))
    assert not gate.held
    assert not gate.line


# Leaving


def test_ctrl_c_leaves_a_line_and_nothing_behind() -> None:
    traffic = Traffic(most_per_host=1)
    gate = traffic._gate(("r.example", 443))

    def press() -> None:
        until(lambda: len(gate.line) == 1)
        _thread.interrupt_main()

    with held(traffic, URL, count=1):
        presser = threading.Thread(target=press)
        presser.start()
        with pytest.raises(KeyboardInterrupt), traffic.attempt(URL):
            pass
        presser.join()
        assert not gate.line
    with traffic.attempt(URL):
        pass


def test_ctrl_c_inside_gives_the_place_back() -> None:
    traffic = Traffic(most_per_host=1)
    with pytest.raises(KeyboardInterrupt), traffic.attempt(URL):
        raise KeyboardInterrupt
    assert limit(traffic) == 1


def test_stop_ends_every_wait() -> None:
    traffic = Traffic(most_per_host=1)
    gate = traffic._gate(("r.example", 443))
    ended: list[BaseException] = []

    def run() -> None:
        try:
            with traffic.attempt(URL):
                pass
        except StoppedError as error:
            ended.append(error)

    threads = [threading.Thread(target=run) for _ in range(5)]
    with held(traffic, URL, count=1):
        for thread in threads:
            thread.start()
        until(lambda: len(gate.line) == 5)
        traffic.stop()
        for thread in threads:
            thread.join()
    assert len(ended) == 5
    with pytest.raises(StoppedError), traffic.attempt(URL):
        pass
    with pytest.raises(StoppedError):
        traffic.pace.take(1)
    with pytest.raises(StoppedError):
        traffic.wait(60.0)


# Counting, and no run at all


def test_counted_policy_counts_repeats_and_keeps_its_own_listener() -> None:
    traffic = Traffic()
    heard: list[int] = []
    policy = RetryPolicy(attempts=3, sleep=lambda _: None, on_retry=lambda: heard.append(1))
    with pytest.raises(UpstreamError):
        traffic.counted(policy).run(lambda: (_ for _ in ()).throw(OTHERS["500"]))
    assert traffic.counts.retries == 2
    assert len(heard) == 2


def test_waits_between_tries_end_with_the_run() -> None:
    clock = Clock()
    traffic = made(clock)
    tries = 0

    def fail_and_stop() -> None:
        nonlocal tries
        tries += 1
        traffic.stop()
        raise OTHERS["500"]

    with pytest.raises(StoppedError):
        traffic.counted(RetryPolicy()).run(fail_and_stop)
    assert tries == 1


def test_counts_are_exact_over_threads() -> None:
    traffic = Traffic()

    def run() -> None:
        for _ in range(2000):
            traffic.counts.received(3)
            traffic.counts.sent(2)
            traffic.counts.requested()

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = traffic.counts
    found = (counts.received_bytes, counts.sent_bytes, counts.requests, counts.retries)
    assert found == (36000, 24000, 12000, 0)


def test_traffic_of_nobody_keeps_nobody_waiting() -> None:
    clock = Clock()
    traffic = Traffic(most_per_host=None, clock=clock.monotonic, sleep=clock.sleep)
    fail(traffic, refused("GET", URL, 429, {"retry-after": "7"}, b""))
    traffic.observe(URL, {"ratelimit": "remaining=0, reset=9"})
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(traffic.attempt(URL))
    assert clock.now == 0.0
    assert limit(traffic) == 24
