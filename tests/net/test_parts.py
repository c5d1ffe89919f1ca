"""The book that several connections share: no byte twice, none forgotten, nobody left waiting."""

from __future__ import annotations

import itertools
import threading

from hypothesis import given
from hypothesis import strategies as st

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
    restarted = threading.Event()

    def restart() -> None:
        parts.restart(first, 4 * SPLIT_BYTES)
        restarted.set()

    thread = threading.Thread(target=restart)
    thread.start()
    while first.end != 4 * SPLIT_BYTES:  # until it has begun
        pass
    assert not restarted.wait(0.05)
    assert parts.room(upper, 100) == 0  # the other owner sees that its part is gone
    parts.release(upper)
    thread.join(60)
    assert restarted.is_set()
    assert (first.position, parts.received) == (0, 0)


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
