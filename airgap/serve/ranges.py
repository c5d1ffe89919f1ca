"""Conditional and range requests: RFC 9110 sections 13 (conditions) and 14 (ranges).

Pure: header values in, a decision out. One range a request; several at once are answered with the
whole representation, as section 14.2 allows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["NOT_MODIFIED", "PRECONDITION_FAILED", "UNSATISFIABLE", "Part", "Selection", "select"]

_ONE_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*\Z", re.IGNORECASE | re.ASCII)
NOT_MODIFIED = 304
PRECONDITION_FAILED = 412
UNSATISFIABLE = 416


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`length` bytes from `start`."""

    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to answer: a status of 200, 206, 304, 412 or 416, and the bytes of it."""

    status: int
    part: Part


def select(method: str, headers: Mapping[str, str], *, etag: str, size: int) -> Selection:
    """Decide what a GET or HEAD gets, in the order of section 13.2.2.

    Args:
        method: `Range` is defined for GET only (section 14.2).
        headers: The request's, by their usual names (`If-None-Match`).
        etag: The strong entity tag of the representation, with its quotes.
        size: Of the whole representation in bytes.
    """
    nothing, whole = Part(start=0, length=0), Part(start=0, length=size)
    if (wanted := headers.get("If-Match")) is not None and not _matches(wanted, etag, weak=False):
        return Selection(status=PRECONDITION_FAILED, part=nothing)
    if (known := headers.get("If-None-Match")) is not None and _matches(known, etag, weak=True):
        return Selection(status=NOT_MODIFIED, part=nothing)
    asked = headers.get("Range")
    if method != "GET" or asked is None or headers.get("If-Range", etag).strip() != etag:
        return Selection(status=200, part=whole)
    match = _ONE_RANGE.match(asked.strip())
    if match is None or not (match[1] or match[2]):
        return Selection(status=200, part=whole)  # not understood: ignored (section 14.2)
    return _select_part(match[1], match[2], size)


def _select_part(first: str, last: str, size: int) -> Selection:
    """Resolve `first-last`, `first-` or `-suffix` (section 14.1.2)."""
    if not first:
        length = min(int(last), size)
        start = size - length
    else:
        start = int(first)
        if last and int(last) < start:  # invalid, so ignored (section 14.1.1)
            return Selection(status=200, part=Part(start=0, length=size))
        length = min(int(last) + 1 if last else size, size) - start
    if length <= 0:
        return Selection(status=UNSATISFIABLE, part=Part(start=0, length=0))
    return Selection(status=206, part=Part(start=start, length=length))


def _matches(header: str, etag: str, *, weak: bool) -> bool:
    """Compare a list of entity tags (section 8.8.3.2); ours hold no comma."""
    tags = [tag.strip() for tag in header.split(",")]
    if weak:
        tags = [tag.removeprefix("W/") for tag in tags]
    return header.strip() == "*" or etag in tags
