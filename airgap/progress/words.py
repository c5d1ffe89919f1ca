"""Progress in words, the same for a terminal, a log and the engine."""

from __future__ import annotations

from airgap.progress.events import Awaited, Summary
from airgap.progress.standing import Standing

__all__ = [
    "count_bytes",
    "say_awaited",
    "say_progress",
    "say_summary",
    "say_time",
    "short_item",
]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_LONGEST = 48
_DIGITS = 12


def count_bytes(count: float) -> str:
    """Return a number of bytes for people: `12.3 MiB`."""
    for unit in _UNITS[:-1]:
        if abs(count) < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} {_UNITS[-1]}"


def say_time(seconds: float) -> str:
    """Return a duration for people: `9 s`, `4 min 5 s`, `2 h 3 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def say_awaited(awaited: Awaited) -> str:
    """Return why an item does not come yet: `being built by the factory (1 min 30 s)`."""
    return f"{awaited.what} ({say_time(awaited.seconds)})"


def short_item(item: str) -> str:
    """Return an item short enough for a line: a digest's first digits, a reference's end."""
    head, at, digits = item.rpartition("sha256:")
    if at and len(digits) > _DIGITS:
        item = f"{head}{at}{digits[:_DIGITS]}"
    return item if len(item) <= _LONGEST else "…" + item[1 - _LONGEST :]


def say_progress(standing: Standing) -> str:
    """Return how far a run is: `3/45 · 120.3 MiB of 800.0 MiB · 40.1 MiB/s · 17 s left`."""
    parts = [f"{standing.done}/{standing.total}"] if standing.total else []
    if standing.moved_bytes:
        planned = standing.planned_bytes
        of = f" of {count_bytes(planned)}" if planned else ""
        parts.append(f"{count_bytes(standing.moved_bytes)}{of}")
    if standing.rate:
        parts.append(f"{count_bytes(standing.rate)}/s")
    if (left := standing.left_s) is not None:
        parts.append(f"{say_time(left)} left")
    return " · ".join(parts)


def say_summary(summary: Summary) -> str:
    """Return what a run did, in one line."""
    parts = [
        f"{count_bytes(summary.moved_bytes)} moved",
        f"{summary.skipped} skipped",
        f"{summary.mounted} mounted",
        f"{summary.retried} retried",
    ]
    if summary.resumed_bytes:
        parts.append(f"{count_bytes(summary.resumed_bytes)} kept from before")
    rate = f" ({count_bytes(summary.moved_bytes / summary.seconds)}/s)" if summary.seconds else ""
    return f"{', '.join(parts)}; {summary.seconds:.1f} s{rate if summary.moved_bytes else ''}"
