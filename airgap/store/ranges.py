"""Sets of bytes as sorted, disjoint, half-open ranges. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

__all__ = ["Range", "Ranges"]

Range = tuple[int, int]
"""From the first byte to behind the last."""


class Ranges:
    """Some bytes of a file; touching ranges are one."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in ranges:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        """Add the bytes from `start` to before `end`."""
        if start >= end:
            return
        if self._ends and self._ends[-1] == start:  # a stream in order
            self._ends[-1] = end
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def missing(self, start: int, end: int) -> tuple[Range, ...]:
        """Return what of `start` to `end` is not in the set, in order."""
        gaps = []
        for have_start, have_end in self:
            if have_start >= end:
                break
            if have_start > start:
                gaps.append((start, have_start))
            start = max(start, have_end)
        if start < end:
            gaps.append((start, end))
        return tuple(gaps)

    @property
    def prefix(self) -> int:
        """How many bytes from the very first are in the set without a gap."""
        return self._ends[0] if self._starts and self._starts[0] == 0 else 0

    @property
    def end(self) -> int:
        """The end of the last range; 0 for the empty set."""
        return self._ends[-1] if self._ends else 0

    @property
    def count(self) -> int:
        """How many bytes are in the set."""
        return sum(self._ends) - sum(self._starts)

    def __iter__(self) -> zip[Range]:
        """Iterate over the ranges, in order."""
        return zip(self._starts, self._ends, strict=True)
