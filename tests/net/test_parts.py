"""The book that several connections share: no byte twice, none forgotten, nobody left waiting."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.net import StoppedError
from airgap.net.parts import OPEN, SPLIT_BYTES, Part, Parts


def bring(parts: Parts, part: Part, count: int) -> tuple[int, int]:
    """Bring the next bytes of a part; return the range that was really its own."""
    room = parts.room(part, count)
    begin = part.position
    parts.advance(part, room)
    return begin, begin + room


def test_what_is_missing_can_be_claimed_once() -> None:
    parts = Parts(((0, 10), (20, 30)))
    first, second = parts.claim(), parts.claim()
    assert first is not None
    assert second is not None
    assert [(first.position, first.end), (second.position, second.end)] == [(0, 10), (20, 30)]
    assert parts.claim() is None


def test_part_given_back_is_claimed_where_it_stopped() -> None:
    parts = Parts(((0, 10),))
    part = parts.claim()
    assert part is not None
    bring(parts, part, 4)
    parts.release(part)
    again = parts.claim()
    assert again is not None
    assert (again.position, again.end) == (4, 10)


def test_split_takes_the_upper_half_of_the_largest() -> None:
    parts = Parts(((0, 4 * SPLIT_BYTES), (8 * SPLIT_BYTES, 9 * SPLIT_BYTES)))
    first, _ = parts.claim(), parts.claim()
    upper = parts.split()
    assert first is not None
    assert upper is not None
    assert (first.position, first.end) == (0, 2 * SPLIT_BYTES)
    assert (upper.position, upper.end) == (2 * SPLIT_BYTES, 4 * SPLIT_BYTES)


def test_what_is_too_small_or_endless_is_not_split() -> None:
    for missing in (((0, 2 * SPLIT_BYTES - 1),), ((0, -1),)):
        parts = Parts(missing)
        assert parts.claim() is not None
        assert not parts.is_splittable()
        assert parts.split() is None


def test_beginning_that_nobody_streams_is_left_to_the_first_stream() -> None:
    """With its first bytes comes the validator that all the others have to fit to."""
    parts = Parts(((0, 4 * SPLIT_BYTES),))
    assert not parts.is_splittable()
    assert parts.split() is None
    first = parts.claim()
    assert first is not None
    assert parts.is_splittable()
    bring(parts, first, 1)
    parts.release(first)
    assert parts.split() is first


def test_body_of_unknown_size_is_done_when_its_end_was_reached() -> None:
    parts = Parts(((0, -1),))
    part = parts.claim()
    assert part is not None
    assert part.end == OPEN
    bring(parts, part, 100)
    assert not parts.is_done()
    parts.release(part, is_whole=True)
    assert parts.is_done()


def test_restart_waits_until_the_others_have_stopped() -> None:
    parts = Parts(((0, 4 * SPLIT_BYTES),))
    first = parts.claim()
    upper = parts.split()
    assert first is not None
    assert upper is not None
    restarted, forgotten = threading.Event(), threading.Event()

    def restart() -> None:
        assert parts.restart(first, 4 * SPLIT_BYTES, forgotten.set)
        restarted.set()

    thread = threading.Thread(target=restart)
    thread.start()
    while first.end != 4 * SPLIT_BYTES:  # until it has begun
        pass
    assert not restarted.wait(0.05)
    assert not forgotten.is_set()
    assert parts.room(upper, 100) == 0  # the other owner sees that its part is gone
    assert not parts.is_splittable()  # nor does anybody new come before the target has forgotten
    assert parts.split() is None
    parts.release(upper)
    thread.join(60)
    assert restarted.is_set()
    assert forgotten.is_set()
    assert (first.position, parts.received) == (0, 0)
    assert parts.split() is not None


def test_of_two_owners_that_begin_anew_at_once_one_does_and_the_other_leaves() -> None:
    """Both asked for a range and were answered 200: two such waited for each other for ever."""
    parts = Parts(((0, 4 * SPLIT_BYTES),))
    first = parts.claim()
    upper = parts.split()
    assert first is not None
    assert upper is not None
    begun: list[tuple[Part, bool]] = []
    forgotten: list[str] = []
    both = threading.Barrier(2)

    def restart(part: Part) -> None:
        both.wait(60)
        begun.append((part, parts.restart(part, 4 * SPLIT_BYTES, lambda: forgotten.append("all"))))
        parts.release(part)

    threads = [
        threading.Thread(target=restart, args=(part,), daemon=True) for part in (first, upper)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads), "they wait for each other"
    assert sorted(does for _, does in begun) == [False, True]
    assert forgotten == ["all"]
    (winner,) = [part for part, does in begun if does]
    assert (winner.position, winner.end) == (0, 4 * SPLIT_BYTES)
    assert parts.claim() is winner
    assert parts.claim() is None


class Switch:
    """Tells waits that the run was stopped."""

    def __init__(self) -> None:
        self.is_on = False

    def check(self) -> None:
        if self.is_on:
            raise StoppedError


@pytest.mark.parametrize("what", ["restart", "wait"])
def test_stopped_run_ends_every_wait_for_others(what: str) -> None:
    switch = Switch()
    parts = Parts(((0, 4 * SPLIT_BYTES),), check=switch.check)
    first = parts.claim()
    upper = parts.split()
    assert first is not None
    assert upper is not None  # its owner waits for a silent peer
    forgotten: list[str] = []
    caught: list[str] = []

    def wait() -> None:
        try:
            if what == "wait":
                parts.wait()
            else:
                parts.restart(first, 4 * SPLIT_BYTES, lambda: forgotten.append("all"))
        except StoppedError:
            caught.append(what)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    switch.is_on = True
    thread.join(10)
    assert caught == [what]
    assert forgotten == [], "an owner may still be writing"


def test_closing_a_stopped_run_waits_for_who_writes_and_not_for_who_listens() -> None:
    switch = Switch()
    parts = Parts(((0, 4 * SPLIT_BYTES),), check=switch.check)
    listening = parts.claim()
    writing = parts.split()
    assert listening is not None
    assert writing is not None
    assert parts.grant(writing, 100) == 100
    switch.is_on = True
    closing = threading.Thread(target=parts.close, daemon=True)
    closing.start()
    closing.join(0.4)
    assert closing.is_alive(), "the target must not be closed while bytes go there"
    parts.advance(writing, 100)
    closing.join(10)
    assert not closing.is_alive()
    assert parts.grant(listening, 100) == 0, "what comes later has nowhere to go"


def test_helper_that_brought_nothing_gives_its_part_back_to_the_stream_it_took_it_from() -> None:
    parts = Parts(((0, 4 * SPLIT_BYTES),))
    first = parts.claim()
    upper = parts.split()
    assert first is not None
    assert upper is not None
    bring(parts, first, 100)
    parts.release(upper)
    assert (first.position, first.end) == (100, 4 * SPLIT_BYTES)
    assert parts.claim() is None, "nothing is left over to be asked for once more"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_helpers_that_brought_nothing_give_all_back_in_whatever_order_they_leave(
    order: tuple[int, ...],
) -> None:
    parts = Parts(((0, 16 * SPLIT_BYTES),))
    first = parts.claim()
    helpers = [parts.split() for _ in range(3)]
    assert first is not None
    for number in order:
        helper = helpers[number]
        assert helper is not None
        parts.release(helper)
    assert (first.position, first.end) == (0, 16 * SPLIT_BYTES)
    assert parts.claim() is None


@pytest.mark.parametrize("why", ["brought some", "done", "given back", "split again"])
def test_part_that_no_stream_can_take_back_is_anybody_s(why: str) -> None:
    parts = Parts(((0, 8 * SPLIT_BYTES),))
    first = parts.claim()
    upper = parts.split()
    assert first is not None
    assert upper is not None
    begin = 4 * SPLIT_BYTES
    if why == "brought some":
        bring(parts, upper, 100)
        begin += 100
    elif why == "done":
        bring(parts, first, 4 * SPLIT_BYTES)
    elif why == "given back":
        bring(parts, first, 1)
        parts.release(first)
        assert parts.claim() is first  # what is asked for now ends where the upper half begins
    else:
        assert parts.split() is not None  # from the first as well, which now ends before it
    parts.release(upper)
    free = list(iter(parts.claim, None))
    assert (begin, 8 * SPLIT_BYTES) in [(part.position, part.end) for part in free]


def test_close_waits_for_owners_and_gives_nothing_out_afterwards() -> None:
    parts = Parts(((0, 100),))
    part = parts.claim()
    assert part is not None
    closing = threading.Thread(target=parts.close)
    closing.start()
    while parts.room(part, 1):  # until it has begun
        pass
    parts.release(part)
    closing.join(60)
    assert not closing.is_alive()
    assert parts.claim() is None


@given(
    size=st.integers(1, 40 * SPLIT_BYTES),
    steps=st.lists(st.tuples(st.sampled_from(("claim", "split", "bring", "release")),
                             st.integers(0, 7), st.integers(1, 3 * SPLIT_BYTES)), max_size=60),
)  # fmt: skip
def test_whatever_threads_do_each_byte_is_brought_once(
    size: int, steps: list[tuple[str, int, int]]
) -> None:
    parts = Parts(((0, size),))
    owned: list[Part] = []
    brought: list[tuple[int, int]] = []
    for action, which, count in steps:
        if action in ("claim", "split"):
            part = parts.claim() if action == "claim" else parts.split()
            owned += [part] if part else []
        elif owned and action == "bring":
            brought.append(bring(parts, owned[which % len(owned)], count))
        elif owned:
            parts.release(owned.pop(which % len(owned)))
    for part in owned:
        parts.release(part)
    while part := parts.claim():
        brought.append(bring(parts, part, size))
        parts.release(part)
    ranges = sorted(held for held in brought if held[0] < held[1])
    assert ranges[0][0] == 0
    assert ranges[-1][1] == size
    assert all(one[1] == two[0] for one, two in itertools.pairwise(ranges))
    assert parts.is_done()
    assert parts.received == size
