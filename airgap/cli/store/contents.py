"""`store list` and `store verify`: what is in the store, and whether it is as it was."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from airgap.cli.output import json_option, print_json
from airgap.cli.progress import show_progress
from airgap.cli.project import find_store, store_option
from airgap.progress import Tally, count_bytes
from airgap.store import Damage, Inventory, Listed, Store

__all__ = ["list_items", "verify"]

_DIGEST_CHARACTERS = len("sha256:") + 12


@click.command("list")
@store_option
@json_option
def list_items(*, place: Path | None, as_json: bool) -> None:
    """List what the store holds: name, digest, size, platforms.

    SIZE is all that an item reaches, each blob once; ALONE is what nothing else in the store
    needs, so what would be freed without it. Exit 1 when an item is incomplete.
    """
    inventory = Store.open(find_store(place)).inventory()
    if as_json:
        print_json(_inventory_json(inventory))
    else:
        _print_table(inventory)
    if any(item.fault for item in inventory.items):
        sys.exit(1)


def _print_table(inventory: Inventory) -> None:
    rows = [("NAME", "DIGEST", "SIZE", "ALONE", "PLATFORMS"), *map(_row, inventory.items)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for name, digest, size, alone, platforms in rows if inventory.items else ():
        start = f"{name:<{widths[0]}}  {digest:<{widths[1]}}  {size:>{widths[2]}}"
        click.echo(f"{start}  {alone:>{widths[3]}}  {platforms}".rstrip())
    click.echo(
        f"{len(inventory.items)} items, {count_bytes(inventory.named_bytes)} of distinct blobs; "
        f"nothing names {count_bytes(inventory.orphan_bytes)} more, "
        f"{count_bytes(inventory.partial_bytes)} are half received"
    )


def _row(item: Listed) -> tuple[str, str, str, str, str]:
    detail = f"incomplete: {item.fault}" if item.fault else " ".join(item.platforms)
    digest = str(item.digest)[:_DIGEST_CHARACTERS]
    return item.name, digest, count_bytes(item.size_bytes), count_bytes(item.own_bytes), detail


def _inventory_json(inventory: Inventory) -> dict[str, object]:
    return {
        "items": [_item_json(item) for item in inventory.items],
        "namedBytes": inventory.named_bytes,
        "blobBytes": inventory.blob_bytes,
        "orphanBytes": inventory.orphan_bytes,
        "partialBytes": inventory.partial_bytes,
    }


def _item_json(item: Listed) -> dict[str, object]:
    return {
        "name": item.name,
        "kind": item.kind,
        "digest": str(item.digest),
        "sizeBytes": item.size_bytes,
        "ownBytes": item.own_bytes,
        "sharesWith": list(item.shares_with),
        "platforms": list(item.platforms),
        "fault": item.fault,
    }


@click.command()
@store_option
@json_option
def verify(*, place: Path | None, as_json: bool) -> None:
    """Hash everything that the store names again.

    Exit 1 when something is missing, cut short or altered; `fetch --rehash` (or `store add`, for
    what no lock names) brings it anew. What is not named is not looked at: `store gc` removes it.
    """
    content = Store.open(find_store(place))
    began = time.monotonic()
    with show_progress("verify") as progress:
        tally = Tally(0, progress)
        damages = content.verify(
            report=lambda one: tally.add(str(one.digest), "verified", one.size)
        )
    if as_json:
        print_json({"damages": [_damage_json(damage) for damage in damages]})
    else:
        for damage in damages:
            click.echo(str(damage))
        seconds = time.monotonic() - began
        count = "1 blob is" if len(damages) == 1 else f"{len(damages)} blobs are"
        click.echo(f"{content.root}: {count} damaged; {seconds:.1f} s")
        if damages:
            click.echo(
                "  → run `python -m airgap fetch <site> --rehash` where there is a connection "
                "(`store add` for what no lock names), and carry the store again"
            )
    if damages:
        sys.exit(1)


def _damage_json(damage: Damage) -> dict[str, object]:
    return {
        "digest": str(damage.digest),
        "kind": damage.kind,
        "detail": damage.detail,
        "path": str(damage.path),
        "neededBy": list(damage.needed_by),
    }
