"""`lock`: resolve a site to digests and write, or check, its lock."""

from __future__ import annotations

import time

import click

from airgap.cli.output import say
from airgap.cli.progress import show_progress
from airgap.cli.project import Project, project_option, say_unseen, site_argument
from airgap.errors import LockError
from airgap.lock import Lock, check_lock, read_lock, write_lock
from airgap.progress import count_bytes
from airgap.resolve import Resolution, resolve_site
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.limits import site_traffic
from airgap.transfer.sources import open_upstream

__all__ = ["lock"]


@click.command()
@site_argument
@click.argument("refs", nargs=-1, metavar="[REF]...")
@click.option("--upgrade", is_flag=True, help="Move the pins of REF…, or all of them.")
@click.option("--check", is_flag=True, help="Only say whether the lock fits; exit 1 if not.")
@project_option
def lock(site: str, refs: tuple[str, ...], *, upgrade: bool, check: bool, project: Project) -> None:
    """Resolve SITE to digests (online) and write stacks/SITE.lock.json.

    Tags become index digests, boot assets get sha256, sha512 and size (checked against the
    release's own sha512sum.txt), extensions their digest, schematics their ID. Pins that are
    there stay; --upgrade moves those of REF… (a reference, or version/file of an asset), or all.
    Boot assets are kept in the store, so that `fetch` need not ask for them again.
    """
    if refs and not upgrade:
        raise click.UsageError(f"{refs[0]}: references are named with --upgrade only")
    description = project.read_site(site)
    if check:
        check_lock(description, read_lock(project.lock_file(site)), name=site)
        say(f"{project.lock_file(site).name} fits")
        return
    previous = _previous(project, site)
    began = time.monotonic()
    result = _resolve(project, description, previous, refs if upgrade else None)
    write_lock(project.lock_file(site), result.lock)
    for note in result.notes:
        say(f"note: {note}")
    say_unseen(description)
    _summarise(project, site, result.lock, changed=result.lock != previous, began=began)


def _previous(project: Project, site: str) -> Lock | None:
    path = project.lock_file(site)
    if not path.exists():
        return None
    try:
        return read_lock(path)
    except LockError as error:
        error.hint = f"mend it, or remove {path} to lock from nothing"
        raise


def _resolve(
    project: Project, site: Site, previous: Lock | None, upgrade: tuple[str, ...] | None
) -> Resolution:
    store = Store.open(project.store, create=True)
    with (
        open_upstream(site, beside=project.stacks, traffic=site_traffic(site.transfer)) as (
            registries,
            releases,
        ),
        show_progress("lock") as progress,
    ):
        return resolve_site(
            site,
            previous=previous,
            upgrade=upgrade,
            registries=registries,
            releases=releases,
            store=store,
            progress=progress,
        )


def _summarise(project: Project, site: str, lock: Lock, *, changed: bool, began: float) -> None:
    path = project.lock_file(site)
    total = sum(pin.size for pin in lock.images.values())
    total += sum(pin.size for pin in lock.assets.values())
    signatures = sum(pin.need == "signatures" for pin in lock.images.values())
    click.echo(
        f"{path.relative_to(project.root)}: {'written' if changed else 'unchanged'}; "
        f"{len(lock.images) - signatures} images with {signatures} signatures and attestations, "
        f"{len(lock.assets)} boot assets, "
        f"{len(lock.schematics)} schematics; at most {count_bytes(total)}; "
        f"{time.monotonic() - began:.1f} s"
    )
    click.echo(f"next: python -m airgap check {site}, then python -m airgap fetch {site}")
