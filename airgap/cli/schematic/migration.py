"""`schematic migrate`: which IDs another release of the factory changes, before anything does."""

from __future__ import annotations

import sys

import click

from airgap.cli.output import say
from airgap.cli.project import Project, project_option, site_argument
from airgap.cli.schematic.identity import as_release
from airgap.errors import Fault
from airgap.schematic import NEWEST_KNOWN, IdChange, changed_ids
from airgap.site.check import check_site
from airgap.site.known import known_here
from airgap.site.model import Site, UpstreamFactory
from airgap.site.schematics import class_schematic, factory_release
from airgap.talos import FACTORY_URL

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

    Old ID → new ID, and the strings that are written differently; and what that release refuses,
    or takes and fails to build, or what of the site it cannot be (such as registry.pathPrefix).
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
    told = {fault.message for change in changes for fault in change.refused}
    faults = [fault for fault in _faults(description, target) if fault.message not in told]
    for fault in faults:
        click.echo(f"refused by {target}: {fault}")
    moved = sum(change.before != change.after for change in changes)
    refused = sum(bool(change.refused) for change in changes)
    counted = f"{moved} of {len(schematics)} IDs change" if moved else "no ID changes"
    more = f", {refused} refused" if refused else ""
    more += ", the site is refused" if faults else ""
    click.echo(f"{site}: {present or NEWEST_KNOWN} → {target}: {counted}{more}")
    if refused or faults:
        sys.exit(1)


def _faults(site: Site, target: str) -> tuple[Fault, ...]:
    """Return what is wrong with a site, which is right today, once its factory is of the target.

    Without a factory of its own it is the one that `lock` asks.
    """
    if site.image_factory.kind != "none":
        factory = site.image_factory.model_copy(update={"version": target})
        moved = site.model_copy(update={"image_factory": factory})
    else:
        asked = site.upstream.factory or UpstreamFactory(url=FACTORY_URL)
        asked = asked.model_copy(update={"version": target})
        upstream = site.upstream.model_copy(update={"factory": asked})
        moved = site.model_copy(update={"upstream": upstream})
    return check_site(moved, known_here())


def _tell(change: IdChange, target: str) -> None:
    click.echo(f"{change.name}:")
    if change.before != change.after:
        click.echo(f"  {change.before}\n  → {change.after}")
        for cause in change.why:
            click.echo(f"  because of {cause}")
    for fault in change.refused:
        click.echo(f"  refused by {target}: {fault}")
