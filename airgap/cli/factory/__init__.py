"""`factory …`: the site's Image Factory: its key, its configuration, how it is."""

from __future__ import annotations

import click

from airgap.cli.factory.config import config
from airgap.cli.factory.key import key
from airgap.cli.factory.status import status

__all__ = ["factory"]


@click.group()
def factory() -> None:
    """Look after the site's Image Factory: its signing key, its configuration, how it is.

    \b
    Exit codes: 0 all is well, 1 something is wrong (it is said what), 2 wrong usage.
    """


for command in (key, config, status):
    factory.add_command(command)
