"""Sets of ranges against Python's own sets of numbers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from airgap.store.ranges import Ranges

SIZE = 40
some_ranges = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=12)


def numbers(ranges: list[tuple[int, int]]) -> set[int]:
    return {number for start, end in ranges for number in range(start, end)}


@given(added=some_ranges, asked=st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)))
def test_ranges_behave_as_sets_of_numbers(
    added: list[tuple[int, int]], asked: tuple[int, int]
) -> None:
    ranges, model = Ranges(added), numbers(added)
    assert numbers(list(ranges)) == model
    assert ranges.count == len(model)
    assert ranges.end == max(model, default=-1) + 1
    assert set(range(ranges.prefix)) <= model
    assert ranges.prefix not in model
    gaps = ranges.missing(*asked)
    assert numbers(list(gaps)) == set(range(*asked)) - model


@given(added=some_ranges)
def test_ranges_stay_sorted_and_apart(added: list[tuple[int, int]]) -> None:
    kept = list(Ranges(added))
    assert all(start < end for start, end in kept)
    assert all(end < start for (_, end), (start, _) in pairwise(kept))
