"""`verify`: hash everything a lock names again, wherever the site keeps it."""

from __future__ import annotations

import sys
import time
from contextlib import chdir

import click

from airgap.cli.progress import show_progress
from airgap.cli.project import Project, project_option, site_argument
from airgap.lock import check_lock, read_lock
from airgap.transfer.verify import PLACES, Place, verify_site

__all__ = ["verify"]


@click.command()
@site_argument
@click.option(
    "--only",
    "places",
    multiple=True,
    type=click.Choice(PLACES),
    help="Look there only; outside the gap only the store can be. Can be given again.",
)
@project_option
def verify(site: str, *, places: tuple[Place, ...], project: Project) -> None:
    """Hash again everything SITE's lock names: store, registry, asset mirror.

    Inside the registry every manifest and blob is read; in the mirror every file, on disk and
    through its URL. Exit 1 when something is missing or altered; the store is mended by
    `fetch --rehash`, registry and mirror by `pulumi refresh` and `pulumi up`.
    """
    description = project.read_site(site)
    lock = read_lock(project.lock_file(site))
    check_lock(description, lock, name=site)
    chosen = places or PLACES
    began = time.monotonic()
    with chdir(project.root), show_progress("verify") as progress:  # relative paths start there
        problems = verify_site(
            description, lock, store_root=project.store, places=chosen, progress=progress
        )
    for problem in problems:
        click.echo(str(problem))
    seconds = time.monotonic() - began
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    click.echo(f"{site}: {', '.join(chosen)}: {count}; {seconds:.1f} s")
    places_at_fault = {problem.place for problem in problems}
    if "store" in places_at_fault:
        click.echo(
            f"  → the store: run `python -m airgap fetch {site} --rehash` where there is a "
            "connection, and carry the store again"
        )
    if places_at_fault - {"store"}:
        click.echo(
            "  → registry and mirror: with an intact store, `pulumi refresh` and `pulumi up`, or "
            f"`python -m airgap mirror {site}`"
        )
    if problems:
        sys.exit(1)
