"""`store add`: bring images into the store that no lock names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from airgap.cli.output import json_option, print_json
from airgap.cli.parameters import PLATFORM
from airgap.cli.progress import show_progress
from airgap.cli.project import Project, find_store, store_option
from airgap.lock import Lock
from airgap.net import Traffic
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.progress import say_summary
from airgap.resolve.references import pin_references
from airgap.site.model import Signatures, Site
from airgap.site.transfer import Transfer
from airgap.store import Store
from airgap.transfer.fetch import fetch_site
from airgap.transfer.limits import site_traffic

__all__ = ["add"]


@click.command()
@click.argument("refs", nargs=-1, required=True, metavar="REF...")
@click.option("--site", help="Read as this site does: its upstream redirects, within its limits.")
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    metavar="OS/ARCH[/VARIANT]",
    type=PLATFORM,
    help="Bring these platforms of an index only; can be given again. Its digest is then another.",
)
@click.option(
    "--signatures/--no-signatures",
    "signed",
    default=True,
    show_default=True,
    help="Bring the signatures, attestations and SBOMs that are attached to them, too.",
)
@store_option
@json_option
def add(
    refs: tuple[str, ...],
    *,
    site: str | None,
    platforms: tuple[str, ...],
    signed: bool,
    place: Path | None,
    as_json: bool,
) -> None:
    """Bring images into the store (online): REF is registry/repository:tag, or …@sha256:….

    Each comes whole, with all its platforms and its signatures; every byte is verified. With
    --site, what that site requires to be signed has to be. A tag that is there already
    moves to what it is upstream now. `store push` takes them to a registry; `store gc` removes
    them again, unless a lock names them or it is told to --keep them.
    """
    description = _described(site)
    transfer = description.transfer if description else Transfer()
    traffic = site_traffic(transfer)
    content = Store.open(find_store(place), create=True)
    with _upstream(description, traffic) as registries, show_progress("add") as progress:
        lock = pin_references(
            refs,
            registries=registries,
            platforms=platforms or transfer.platforms,
            signatures=_signatures(description, collect=signed),
            progress=progress,
        )
        with Origins({}, traffic=traffic) as releases:
            fetch_site(
                lock,
                registries=registries,
                releases=releases,
                store=content,
                traffic=traffic,
                progress=progress,
            )
    _tell(lock, as_json=as_json)
    if progress.summary and not as_json:
        click.echo(f"{content.root}: {say_summary(progress.summary)}")


def _described(site: str | None) -> Site | None:
    return Project.find(Path()).read_site(site) if site else None


def _signatures(site: Site | None, *, collect: bool) -> Signatures:
    section = site.signatures if site else Signatures()
    return section if collect else section.model_copy(update={"collect": False})


@contextmanager
def _upstream(site: Site | None, traffic: Traffic) -> Iterator[Registries]:
    redirects = site.upstream.registries if site else {}
    with Registries(redirects, traffic=traffic) as registries:
        yield registries


def _tell(lock: Lock, *, as_json: bool) -> None:
    if as_json:
        images = {
            name: {"digest": pin.digest, "sizeBytes": pin.size} for name, pin in lock.images.items()
        }
        print_json({"images": images})
        return
    for name, pin in lock.images.items():
        click.echo(f"{name}@{pin.digest}")
