"""`prune`: remove from a site what nothing names any more."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path

import click

from airgap.cli.locks import earlier_locks, keep_lock_option, locked_sites, present_locks
from airgap.cli.project import Project, project_option, site_argument
from airgap.lock import read_lock
from airgap.transfer.ledger import ledger_root
from airgap.transfer.prune import find_unrecorded, prune_site

__all__ = ["prune"]


@click.command()
@site_argument
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@keep_lock_option
@project_option
def prune(site: str, *, dry_run: bool, kept: tuple[Path, ...], project: Project) -> None:
    """Remove from SITE's registry and asset mirror what no lock and no set names.

    Kept is what the present lock names, the locks before it (retention.keepLocks of them, from
    git), the locks of all other sites here, every set that a stack published, and whatever was
    there before us. A registry that does not delete is reported.
    """
    description = project.read_site(site)
    others = [name for name in locked_sites(project) if name != site]
    locks = present_locks(project, [site, *others])
    locks += [read_lock(path) for path in kept]
    locks += earlier_locks(project, site, description.retention.keep_locks)
    with chdir(project.root):  # there relative paths start: the mirror's, AIRGAP_LEDGER
        where = ledger_root(project.store)
        unrecorded = find_unrecorded(description, store_root=project.store)
        removals = prune_site(description, keep=locks, store_root=project.store, dry_run=dry_run)
    for url in unrecorded:
        click.echo(f"{url}: nothing is recorded as ours in {where}: is AIRGAP_LEDGER right?")
    for removal in removals:
        detail = f" ({removal.detail})" if removal.detail else ""
        click.echo(f"{removal.outcome}: {removal.item}{detail}")
    click.echo(f"{site}: {len(removals)} items that nothing names; {len(locks)} locks were kept")
