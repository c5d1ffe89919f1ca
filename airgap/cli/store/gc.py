"""`store gc`: remove from the store what no lock names."""

from __future__ import annotations

from pathlib import Path

import click

from airgap.cli.locks import earlier_locks, keep_lock_option, locked_sites, present_locks
from airgap.cli.output import json_option, print_json
from airgap.cli.project import Project, project_option
from airgap.digest import Digest
from airgap.errors import AirgapError
from airgap.lock import Lock, read_lock
from airgap.oci.reference import parse_reference
from airgap.progress import count_bytes
from airgap.store import Collected, Store

__all__ = ["gc"]


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option(
    "--keep",
    "names",
    multiple=True,
    metavar="REF",
    help="An image that stays, though no lock names it; can be given again.",
)
@keep_lock_option
@json_option
@project_option
def gc(
    *,
    dry_run: bool,
    names: tuple[str, ...],
    kept: tuple[Path, ...],
    as_json: bool,
    project: Project,
) -> None:
    """Remove from the store what no lock of any site here names.

    Kept is what the locks of all sites name, now and in the last commits of each
    (retention.keepLocks of its site, from git), what --keep-lock names, and --keep. Everything
    else goes: what `store add` brought, what earlier locks named, downloads that were given up.
    Registries and mirrors are not touched: that is `prune`.
    """
    content = Store.open(project.store)
    locks = [*_locks_here(project), *(read_lock(path) for path in kept)]
    if not locks:
        raise AirgapError(
            f"{project.root}: no site here has a lock, so that nothing would stay",
            hint="run this in the checkout that the store belongs to, or remove the store itself",
        )
    keep = {digest for lock in locks for digest in _digests(lock)}
    keep |= _named(content, names)
    collected = content.retain(keep, dry_run=dry_run)
    if as_json:
        print_json(_collected_json(collected, dry_run=dry_run, locks=len(locks)))
        return
    for name in collected.forgotten:
        click.echo(f"{'would go' if dry_run else 'gone'}: {name}")
    click.echo(
        f"{content.root}: {len(collected.forgotten)} names, {len(collected.removed)} blobs, "
        f"{count_bytes(collected.freed_bytes + collected.partial_bytes)} "
        f"{'would be freed' if dry_run else 'freed'}; {len(locks)} locks were kept"
    )


def _locks_here(project: Project) -> list[Lock]:
    sites = locked_sites(project)
    locks = present_locks(project, sites)
    for site in sites:
        count = project.read_site(site).retention.keep_locks
        locks += earlier_locks(project, site, count)
    return locks


def _digests(lock: Lock) -> set[Digest]:
    pins = {pin.digest for pin in lock.images.values()}
    return {Digest.parse(text) for text in pins | {pin.sha256 for pin in lock.assets.values()}}


def _named(content: Store, names: tuple[str, ...]) -> set[Digest]:
    """Return the digests of images by name, as the store has them."""
    held = content.names()
    found = set()
    for text in names:
        descriptor = held.get(text) or held.get(str(parse_reference(text)))
        if descriptor is None:
            raise AirgapError(
                f"--keep {text}: the store has no such image",
                hint="`python -m airgap store list` tells the names",
            )
        found.add(descriptor.digest)
    return found


def _collected_json(collected: Collected, *, dry_run: bool, locks: int) -> dict[str, object]:
    return {
        "dryRun": dry_run,
        "locksKept": locks,
        "forgotten": list(collected.forgotten),
        "removed": [str(digest) for digest in collected.removed],
        "freedBytes": collected.freed_bytes,
        "partialBytes": collected.partial_bytes,
    }
