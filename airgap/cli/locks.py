"""The locks of a project: of every site, now and before; what they name is kept."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import click

from airgap.cli.output import say
from airgap.cli.project import Project
from airgap.lock import Lock, parse_lock, read_lock

__all__ = ["earlier_locks", "keep_lock_option", "locked_sites", "present_locks"]

keep_lock_option = click.option(
    "--keep-lock",
    "kept",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A lock whose items stay too; can be given again.",
)


def locked_sites(project: Project) -> list[str]:
    """Return the sites that have a lock."""
    return [name for name in project.sites() if project.lock_file(name).exists()]


def present_locks(project: Project, sites: Sequence[str]) -> list[Lock]:
    """Read the locks of sites.

    Raises:
        LockError: One is missing or damaged: what it names is unknown.
    """
    return [read_lock(project.lock_file(name)) for name in sites]


def earlier_locks(project: Project, site: str, count: int) -> list[Lock]:
    """Return the last `count` committed locks of a site; none where there is no history."""
    path = project.lock_file(site).relative_to(project.root).as_posix()
    commits = _git(project, "log", f"--max-count={count + 1}", "--format=%H", "--", path)
    if commits is None:
        say("note: no git history here; earlier locks are kept by --keep-lock only")
        return []
    if (_git(project, "rev-parse", "--is-shallow-repository") or "").strip() == "true":
        say("note: a shallow clone; locks before it are kept by --keep-lock only")
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
