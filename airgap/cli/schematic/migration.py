"""`schematic migrate`: which IDs another release of the factory changes, before anything does."""

from __future__ import annotations

import sys

import click

from airgap.cli.output import say
from airgap.cli.project import Project, project_option, site_argument
from airgap.cli.schematic.identity import as_release
from airgap.schematic import NEWEST_KNOWN, IdChange, changed_ids
from airgap.site.schematics import class_schematic, factory_release

__all__ = ["migrate"]


@click.command()
@site_argument
@click.option(
    "--to",
    "target",
    required=True,
    metavar="VERSION",
    callback=as_release,
    help="The Image Factory's release to come, such as v1.5.0.",
)
@project_option
def migrate(site: str, *, target: str, project: Project) -> None:
    """List the server classes of SITE whose schematic ID another Image Factory changes.

    Old ID → new ID, and the strings that are written differently; and what that release refuses.
    Nothing is changed. A class with a new ID gets a new installer: its machines keep running, and
    have it with their next upgrade. Exit 1 when something is refused.
    """
    description = project.read_site(site)
    present = factory_release(description)
    if present is None:
        say(f"note: the site names no release of its factory; taken as {NEWEST_KNOWN}")
    schematics = {item.name: class_schematic(item) for item in description.server_classes}
    changes = changed_ids(schematics, present=present, target=target)
    for change in changes:
        _tell(change, target)
    moved = sum(change.before != change.after for change in changes)
    refused = sum(bool(change.refused) for change in changes)
    counted = f"{moved} of {len(schematics)} IDs change" if moved else "no ID changes"
    told = f", {refused} refused" if refused else ""
    click.echo(f"{site}: {present or NEWEST_KNOWN} → {target}: {counted}{told}")
    if refused:
        sys.exit(1)


def _tell(change: IdChange, target: str) -> None:
    click.echo(f"{change.name}:")
    if change.before != change.after:
        click.echo(f"  {change.before}\n  → {change.after}")
        for cause in change.why:
            click.echo(f"  because of {cause}")
    for fault in change.refused:
        click.echo(f"  refused by {target}: {fault}")
