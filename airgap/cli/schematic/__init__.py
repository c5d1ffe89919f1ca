"""`schematic …`: IDs and texts of schematics, what they hold, and what another factory changes."""

from __future__ import annotations

import click

from airgap.cli.schematic.contents import explain
from airgap.cli.schematic.identity import identify, show
from airgap.cli.schematic.migration import migrate

__all__ = ["schematic"]


@click.group()
def schematic() -> None:
    """Compute schematics' IDs, without a factory and without a network.

    A schematic is what an Image Factory builds into installers and boot assets: extensions, kernel
    arguments, an overlay, META. Its ID is the sha256 of its canonical text, byte for byte as the
    factory writes it. Files are YAML or JSON, as for `POST /schematics`.

    \b
    Exit codes: 0 all is well, 1 something is wrong (it is said what), 2 refused, or wrong usage.
    """


for command in (identify, show, explain, migrate):
    schematic.add_command(command)
