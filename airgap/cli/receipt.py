"""`receipt`: a secret-free statement of what a site holds; outside, what it lacks of a lock."""

from __future__ import annotations

import os
import sys
from contextlib import chdir
from datetime import UTC, datetime
from pathlib import Path

import click

from airgap import VERSION
from airgap.cli.output import json_option, print_json
from airgap.cli.progress import show_progress
from airgap.cli.project import Project, project_option, site_argument
from airgap.cli.receipts import read_receipt
from airgap.errors import AirgapError
from airgap.lock import Lock, check_lock, read_lock
from airgap.receipt import (
    Comparison,
    Receipt,
    compare_receipt,
    format_receipt,
    lock_digest,
)
from airgap.site.model import Site
from airgap.store.partial import refuse, replace_bytes
from airgap.transfer.holding import held_assets, held_images

__all__ = ["receipt"]


@click.command()
@site_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it there [default: out/SITE/receipt.json in the project].",
)
@click.option("--full", is_flag=True, help="Hash every boot asset, also where nothing changed.")
@click.option(
    "--compare",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Write none: say how a receipt that was carried out differs from the lock (offline).",
)
@click.option(
    "--lock",
    "lock_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --compare: another lock than stacks/SITE.lock.json, such as the last merged one.",
)
@json_option
@project_option
def receipt(
    site: str,
    *,
    out: Path | None,
    full: bool,
    file: Path | None,
    lock_file: Path | None,
    as_json: bool,
    project: Project,
) -> None:
    """State what SITE holds of its lock, without any secret: to be carried out and committed.

    Inside: the registry is asked for the digest of each image, boot assets are looked up on the
    asset mirror. Exit 0 when the statement is written, also where something is missing: it says
    so; 1 when registry or mirror cannot be asked, and then nothing is written. The time in it is
    SOURCE_DATE_EPOCH, where that is set.

    With --compare, outside and offline: exit 0 when the site had all that the lock names, 1 when
    something was missing or different.
    """
    if file is not None:
        if out or full:
            raise click.UsageError("--compare writes nothing: leave out --out and --full")
        _compare(project, site, file, lock_file, as_json=as_json)
        return
    if lock_file:
        raise click.UsageError("--lock goes with --compare")
    description = project.read_site(site)
    lock = read_lock(project.lock_file(site))
    check_lock(description, lock, name=site)
    made = _make(project, site, description, lock, is_full=full)
    path = out or project.root / "out" / site / "receipt.json"
    text = format_receipt(made)
    _write(path, text)
    if as_json:
        click.echo(text, nl=False)
        return
    images = len(made.images) + len(made.factory_images)
    click.echo(f"{path}: {images} images, {len(made.assets)} boot assets, {made.absent} not there")
    click.echo(f"next: carry it out and commit it as stacks/{site}.receipt.json")


def _make(project: Project, name: str, site: Site, lock: Lock, *, is_full: bool) -> Receipt:
    with chdir(project.root), show_progress("receipt") as progress:  # relative paths start there
        images, factory_images = held_images(site, lock, progress=progress)
        assets = held_assets(site, lock, store_root=project.store, quick=not is_full)
    return Receipt(
        site=name,
        lock=lock_digest(lock),
        made_at=_now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        tool=VERSION,
        checked="full" if is_full else "quick",
        images=dict(images),
        factory_images=dict(factory_images),
        assets=dict(assets),
    )


def _now() -> datetime:
    """Return the time: of this clock, or what reproducible builds set in its place."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return datetime.now(tz=UTC)
    try:
        return datetime.fromtimestamp(int(text), tz=UTC)
    except (ValueError, OverflowError, OSError):
        raise AirgapError("SOURCE_DATE_EPOCH: no number of seconds") from None


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refuse(path, error) from error
    replace_bytes(path, text.encode(), mode=0o644)


def _compare(
    project: Project, site: str, file: Path, lock_file: Path | None, *, as_json: bool
) -> None:
    told = read_receipt(file, site)
    lock = read_lock(lock_file or project.lock_file(site))
    compared = compare_receipt(told, lock)
    if as_json:
        print_json(_plain(told, compared))
    else:
        _print(told, compared)
    if compared.is_drift:
        sys.exit(1)


def _print(told: Receipt, compared: Comparison) -> None:
    for difference in compared.differences:
        click.echo(str(difference))
    same = "this lock" if compared.is_same_lock else "another lock"
    counts = ", ".join(
        f"{sum(item.how == how for item in compared.differences)} {how}"
        for how in ("missing", "different", "extra")
    )
    click.echo(f"{told.site}: {counts}; receipt of {told.made_at}, made with {same}")


def _plain(told: Receipt, compared: Comparison) -> dict[str, object]:
    return {
        "site": told.site,
        "madeAt": told.made_at,
        "sameLock": compared.is_same_lock,
        "drift": compared.is_drift,
        "differences": [
            {
                "how": item.how,
                "kind": item.kind,
                "item": item.item,
                **({"expected": item.expected} if item.expected else {}),
                **({"found": item.found} if item.found else {}),
            }
            for item in compared.differences
        ],
    }
