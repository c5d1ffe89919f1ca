"""`factory status`: whether the site's factory can build what the site needs."""

from __future__ import annotations

import sys

import click

from airgap.cli.project import Project, project_option, site_argument
from airgap.errors import AirgapError, FactoryError
from airgap.factory import FactoryClient
from airgap.oci.credentials import MachineCredentials
from airgap.site.model import Site

__all__ = ["status"]

_MISSING = "not there: its registry has no siderolabs/imager of it, or the factory has not looked"
_LOOK = "run pulumi up, which puts it there; the factory looks again within 15 minutes"
_MOVE = "look with python -m airgap schematic migrate <site>"
_NOT_WELL = (
    "it lists its registry's tags to answer: look in its log whether the registry is in reach, "
    "trusted (CA) and holds siderolabs/imager; /healthz says nothing of this"
)


@click.command()
@site_argument
@project_option
def status(site: str, *, project: Project) -> None:
    """Ask SITE's Image Factory which Talos releases it can build; exit 1 if one is missing.

    Also if it runs as another release than imageFactory.version, which decides on schematic IDs. It
    asks /versions, which needs the factory's registry; /healthz answers 200 whatever happens.
    """
    description = project.read_site(site)
    endpoint = description.image_factory.endpoint
    if endpoint is None:
        raise AirgapError(f"{site} has no Image Factory", hint="set imageFactory.kind")
    offered, release = _ask(description, endpoint)
    click.echo(f"{endpoint}: Image Factory {release or 'that does not say its release'}")
    missing = [version for version in description.talos.versions if version not in offered]
    for version in description.talos.versions:
        click.echo(f"{version}: {_MISSING if version in missing else 'there'}")
    if missing:
        click.echo(f"hint: {_LOOK}")
    is_other = _tell_release(description.image_factory.version, release)
    if missing or is_other:
        sys.exit(1)


def _tell_release(stated: str | None, release: str) -> bool:
    """Say whether it runs as another release than the site says; before v1.0 none tells its own."""
    if not stated or release in ("", stated):
        return False
    click.echo(f"imageFactory.version is {stated}: schematic IDs of the site are of that release")
    click.echo(f"hint: run {stated}, or {_MOVE} --to {release}")
    return True


def _ask(site: Site, endpoint: str) -> tuple[tuple[str, ...], str]:
    factory = site.image_factory
    with FactoryClient(
        endpoint, factory.ca, version=factory.version, credentials=MachineCredentials()
    ) as client:
        try:
            offered = client.versions()
        except FactoryError as error:
            if error.status >= 500:
                raise FactoryError(error.message, status=error.status, hint=_NOT_WELL) from error
            raise
        return offered, client.release
