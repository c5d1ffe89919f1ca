"""`fetch`: bring everything a lock names into the store."""

from __future__ import annotations

import click

from airgap.cli.progress import show_progress
from airgap.cli.project import Project, project_option, site_argument
from airgap.lock import check_lock, read_lock
from airgap.progress import say_summary
from airgap.store import Store
from airgap.transfer.fetch import fetch_site
from airgap.transfer.limits import site_traffic
from airgap.transfer.sources import open_upstream

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
    description = project.read_site(site)
    lock = read_lock(project.lock_file(site))
    check_lock(description, lock, name=site)
    store = Store.open(project.store, create=True)
    traffic = site_traffic(description.transfer)
    with (
        show_progress("fetch") as progress,
        open_upstream(description, beside=project.stacks, traffic=traffic, progress=progress) as (
            registries,
            releases,
        ),
    ):
        fetched = fetch_site(
            lock,
            registries=registries,
            releases=releases,
            store=store,
            traffic=traffic,
            progress=progress,
            rehash=rehash,
        )
    click.echo(
        f"{project.store}: {fetched.images} images and {fetched.assets} boot assets fetched, "
        f"{fetched.present} were there"
    )
    if progress.summary:
        click.echo(say_summary(progress.summary))
    click.echo("next: carry the store and the project inside, then pulumi preview, pulumi up")
