"""`--limit`: how fast a command may move bytes, where no site says it."""

from __future__ import annotations

import click

from airgap.site.schedule import parse_rate
from airgap.site.transfer import Limit, Transfer

__all__ = ["limit_option", "rate_option"]


def _limits(_context: click.Context, _option: click.Parameter, value: str | None) -> Transfer:
    if value is None:
        return Transfer()
    _rate(_context, _option, value)
    return Transfer(limits=(Limit(rate=value),))


def _rate(_context: click.Context, _option: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    try:
        rate = parse_rate(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if rate == 0:
        raise click.BadParameter(f"{value} is no rate at all")
    return rate


limit_option = click.option(
    "--limit",
    "limits",
    metavar="RATE",
    callback=_limits,
    help="The most bytes a second, such as 20MiB/s or 100Mbit/s.",
)
rate_option = click.option(
    "--rate",
    metavar="RATE",
    callback=_rate,
    help="Estimate the time at this rate, such as 40MiB/s; else a short measurement tells it.",
)
