"""`prune`: remove from a site what nothing names any more."""

from __future__ import annotations

import subprocess
from contextlib import chdir
from pathlib import Path

import click

from airgap.cli.output import console
from airgap.cli.project import Project, project_option, site_argument
from airgap.lock import Lock, parse_lock, read_lock
from airgap.site.load import load_site
from airgap.transfer.prune import prune_site

__all__ = ["prune"]


@click.command()
@site_argument
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option(
    "--keep-lock",
    "kept",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A lock whose items stay too; can be given again.",
)
@project_option
def prune(site: str, *, dry_run: bool, kept: tuple[Path, ...], project: Project) -> None:
    """Remove from SITE's registry and asset mirror what no lock and no set names.

    Kept is what the present lock names, the locks before it (retention.keepLocks of them, from
    git), the locks of all other sites here, every set that a stack published, and whatever was
    there before us. A registry that does not delete is reported.
    """
    description = load_site(project.stack_file(site))
    locks = [read_lock(project.lock_file(name)) for name in _locked_sites(project, site)]
    locks += [read_lock(path) for path in kept]
    locks += _earlier(project, site, description.retention.keep_locks)
    with chdir(project.root):  # there a mirror's relative path starts
        removals = prune_site(description, keep=locks, store_root=project.store, dry_run=dry_run)
    for removal in removals:
        detail = f" ({removal.detail})" if removal.detail else ""
        click.echo(f"{removal.outcome}: {removal.item}{detail}")
    click.echo(f"{site}: {len(removals)} items that nothing names; {len(locks)} locks were kept")


def _locked_sites(project: Project, site: str) -> list[str]:
    """Return the site itself, which must have a lock, and every other that has one."""
    others = [name for name in project.sites() if name != site]
    return [site, *(name for name in others if project.lock_file(name).exists())]


def _earlier(project: Project, site: str, count: int) -> list[Lock]:
    """Return the last `count` committed locks of a site; none where there is no history."""
    path = project.lock_file(site).relative_to(project.root).as_posix()
    commits = _git(project, "log", f"--max-count={count + 1}", "--format=%H", "--", path)
    if commits is None:
        console.print("note: no git history here; earlier locks are kept by --keep-lock only")
        return []
    locks = []
    for commit in commits.split():
        text = _git(project, "show", f"{commit}:./{path}")
        if text is not None:  # else the lock was removed in this commit
            locks.append(parse_lock(text, source=f"{path} at {commit[:12]}"))
    return locks


def _git(project: Project, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(project.root), *arguments],
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
