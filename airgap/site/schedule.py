"""From the limits in a site to plain values: when, and how many bytes a second.

Pure. Units are the SI's (`MB` 10⁶ bytes, `Mbit` 10⁶ bits) and IEC 80000-13's (`MiB` 2²⁰ bytes).
"""

from __future__ import annotations

import re

from airgap.site.transfer import Transfer

__all__ = ["Span", "parse_rate", "parse_window", "read_schedule"]

Span = tuple[str | None, str | None, int | None]
"""From, until (`HH:MM`, local; both None: the rest of the time), bytes a second or no limit."""

UNLIMITED = "unlimited"
_RATE = re.compile(
    r"(?P<number>\d+(?:\.\d+)?) ?(?:(?P<binary>[KMGT])iB|(?P<decimal>[kMGT]?)(?P<unit>bit|B))/s\Z"
)
_WINDOW = re.compile(r"(\d\d:\d\d) ?[-\u2013] ?(\d\d:\d\d)\Z")
_POWER = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


def read_schedule(transfer: Transfer) -> tuple[Span, ...]:
    """Return the limits in their order; the last span holds whenever no other one does."""
    spans: list[Span] = [
        (*(parse_window(limit.between) if limit.between else (None, None)), parse_rate(limit.rate))
        for limit in transfer.limits
    ]
    if not spans or spans[-1][0] is not None:
        spans.append((None, None, None))
    return tuple(spans)


def parse_rate(text: str) -> int | None:
    """Return bytes a second of a rate such as `20MiB/s` or `100Mbit/s`; None is `unlimited`.

    Raises:
        ValueError: The text is no rate.
    """
    if text == UNLIMITED:
        return None
    match = _RATE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is no rate such as 20MiB/s, 100Mbit/s or unlimited")
    if match["binary"]:
        return int(float(match["number"]) * 1024 ** _POWER[match["binary"]])
    scaled = float(match["number"]) * 1000 ** _POWER[match["decimal"]]
    return int(scaled / 8 if match["unit"] == "bit" else scaled)


def parse_window(text: str) -> tuple[str, str]:
    """Return from and until of `22:00-06:00`; midnight is `00:00` at either end.

    Raises:
        ValueError: The text is no time of day.
    """
    match = _WINDOW.match(text)
    if match is None:
        raise ValueError(f"{text!r} is no time of day such as 22:00-06:00")
    start, end = match[1], match[2]
    return start, "00:00" if end == "24:00" else end
