"""`fetch`: bring everything a lock names into the store."""

from __future__ import annotations

import time

import click

from airgap.cli.output import size
from airgap.cli.progress import show_progress
from airgap.cli.project import Project, project_option, site_argument
from airgap.lock import check_lock, read_lock
from airgap.resolve import open_upstream
from airgap.site.load import load_site
from airgap.store import Store
from airgap.transfer.fetch import fetch_site

__all__ = ["fetch"]


@click.command()
@site_argument
@click.option("--rehash", is_flag=True, help="Hash what is there again; fetch anew what is bad.")
@project_option
def fetch(site: str, *, rehash: bool, project: Project) -> None:
    """Fill the store with everything SITE's lock names (online).

    No engine and no registry of the site is needed. Every byte is verified as it enters; what is
    there already is not asked for again; a run that was stopped goes on where it was.
    """
    description = load_site(project.stack_file(site))
    lock = read_lock(project.lock_file(site))
    check_lock(description, lock, name=site)
    store = Store.open(project.store, create=True)
    began = time.monotonic()
    with open_upstream(description) as (registries, releases), show_progress("fetch") as progress:
        fetched = fetch_site(
            lock,
            registries=registries,
            releases=releases,
            store=store,
            progress=progress,
            rehash=rehash,
        )
    click.echo(
        f"{project.store}: {fetched.images} images and {fetched.assets} boot assets fetched, "
        f"{fetched.present} were there; {size(fetched.moved_bytes)} moved; "
        f"{time.monotonic() - began:.1f} s"
    )
    click.echo("next: carry the store and the project inside, then pulumi preview, pulumi up")
