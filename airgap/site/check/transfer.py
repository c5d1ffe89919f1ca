"""The site's limits on transfers, and the platforms it carries."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.subject import Known, checks, fault, repeated
from airgap.site.model import Limit, Site
from airgap.site.path import Step
from airgap.site.schedule import parse_rate, parse_window

__all__ = ["CHECKS"]

_SLOWEST = 1000
"""Bytes a second; below, peers take a transfer for stalled and hang up."""


def _check_limits(site: Site, _: Known) -> Iterator[Fault]:
    limits = site.transfer.limits
    for index, limit in enumerate(limits):
        at: tuple[Step, ...] = ("transfer", "limits", index)
        yield from _rate_faults(limit, at)
        yield from _window_faults(limit, at)
        if limit.between is None and index < len(limits) - 1:
            message = "holds at all times, so that none of those below it ever does"
            yield fault(at, message, "give it a time of day (between), or move it to the end")


def _rate_faults(limit: Limit, at: tuple[Step, ...]) -> Iterator[Fault]:
    try:
        rate = parse_rate(limit.rate)
    except ValueError:
        return  # told by the model
    if rate is not None and rate < _SLOWEST:
        yield fault((*at, "rate"), f"{limit.rate} is too slow for any transfer", "at least 1kB/s")


def _window_faults(limit: Limit, at: tuple[Step, ...]) -> Iterator[Fault]:
    try:
        start, end = parse_window(limit.between or "")
    except ValueError:
        return  # told by the model
    if start == end:
        message = f"{limit.between} begins and ends at the same time"
        yield fault((*at, "between"), message, "leave between out for all day")


def _check_repeated(site: Site, _: Known) -> Iterator[Fault]:
    windows = [limit.between or index for index, limit in enumerate(site.transfer.limits)]
    for index, first in repeated(windows):
        message = f"the same time as item {first}'s, which holds"
        yield fault(("transfer", "limits", index, "between"), message, "remove one")
    for index, first in repeated(site.transfer.platforms):
        message = f"{site.transfer.platforms[index]} is item {first} already"
        yield fault(("transfer", "platforms", index), message, "remove one")


def _check_architectures(site: Site, _: Known) -> Iterator[Fault]:
    """A machine whose platform is left behind finds an index without itself in it."""
    platforms = [item for item in site.transfer.platforms if "/" in item]  # others: the model's
    for architecture in site.architectures if platforms else ():
        wanted = f"linux/{architecture}"
        if not any(f"{item}/".startswith(f"{wanted}/") for item in platforms):
            message = f"{wanted} is not among them, but the site has machines of {architecture}"
            yield fault(("transfer", "platforms"), message, f"add {wanted}")


CHECKS = checks(
    (_check_limits, "transfer"),
    (_check_repeated, "transfer"),
    (_check_architectures, "transfer architectures"),
)
