"""`store push`: take images from the store to a registry."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import click

from airgap.cli.limits import limit_option
from airgap.cli.output import hint_at_ca_file, json_option, print_json
from airgap.cli.progress import show_progress
from airgap.cli.project import find_store, store_option
from airgap.errors import AirgapError
from airgap.oci.manifest import Descriptor
from airgap.oci.reference import parse_reference
from airgap.progress import say_summary
from airgap.site.transfer import Transfer
from airgap.store import Store
from airgap.transfer.contents import StoreContent
from airgap.transfer.destination import ImageItem, RegistryDestination
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.limits import site_traffic
from airgap.transfer.push import connect, push_sets

__all__ = ["push"]


@click.command()
@click.argument("registry", metavar="REGISTRY")
@click.argument("refs", nargs=-1, metavar="[REF]...")
@click.option(
    "--layout",
    type=click.Choice(["prefix", "flat"]),
    default="prefix",
    show_default=True,
    help="prefix keeps the upstream host as a path component; flat drops it.",
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="PEM of the CA to trust instead of the machine's.",
)
@click.option("--overwrite", is_flag=True, help="Move tags that are there with other digests.")
@limit_option
@store_option
@json_option
def push(
    registry: str,
    refs: tuple[str, ...],
    *,
    layout: Literal["prefix", "flat"],
    ca_file: Path | None,
    overwrite: bool,
    limits: Transfer,
    place: Path | None,
    as_json: bool,
) -> None:
    """Push images of the store to REGISTRY: those named REF, or all.

    REGISTRY is a URL (https://registry.example:5000), or host:port for https; a path in it goes
    before every repository. What is there is not sent again, what another repository there has
    is mounted. Signatures go along as the images that they are. A later `prune` keeps what was
    pushed like this. Credentials are this machine's (Docker's configuration, AIRGAP_AUTH_FILE).
    """
    content = Store.open(find_store(place))
    destination = _destination(registry, layout, ca_file, overwrite=overwrite)
    sets = {f"store push {item.label}": [item] for item in _items(content, refs)}
    traffic = site_traffic(limits)
    with (
        hint_at_ca_file(),
        connect(destination, traffic=traffic) as client,
        show_progress("push") as progress,
    ):
        pushed = push_sets(
            StoreContent(content),
            client,
            destination,
            sets,
            Ledger(ledger_root(content.root), destination.identity),
            traffic=traffic,
            progress=progress,
        )
    if as_json:
        print_json(
            {
                "pushed": pushed.pushed,
                "present": pushed.present,
                "mounted": pushed.mounted,
                "movedBytes": pushed.moved_bytes,
            }
        )
        return
    click.echo(
        f"{destination.endpoint}: {pushed.pushed} images pushed, {pushed.present} were there"
    )
    if progress.summary:
        click.echo(say_summary(progress.summary))


def _destination(
    text: str, layout: Literal["prefix", "flat"], ca_file: Path | None, *, overwrite: bool
) -> RegistryDestination:
    if "@" in text:
        raise click.UsageError("REGISTRY: credentials come from Docker's configuration, not here")
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query:
        raise click.UsageError(f"{text}: expected host:port or https://host:port, then a path")
    return RegistryDestination(
        kind="existing",
        endpoint=f"{parts.scheme}://{parts.netloc}",
        path_prefix=parts.path.strip("/"),
        layout=layout,
        ca=ca_file.read_text(encoding="utf-8") if ca_file else None,
        overwrite=overwrite,
    )


def _items(content: Store, refs: tuple[str, ...]) -> list[ImageItem]:
    """Return the images to push, as the store names them.

    Raises:
        AirgapError: The store has none of a name, or none at all.
    """
    held = content.names()
    names = {ref: ref if ref in held else str(parse_reference(ref)) for ref in refs}
    missing = [ref for ref, name in names.items() if name not in held]
    if missing:
        raise AirgapError(
            f"{content.root} has no {', '.join(missing)}",
            hint="`python -m airgap store list` tells the names; `store add` brings more",
        )
    chosen = {name: held[name] for name in names.values()} if refs else held
    if not chosen:
        raise AirgapError(f"{content.root} holds no image", hint="fetch or `store add` some first")
    return [_item(name, descriptor) for name, descriptor in chosen.items()]


def _item(name: str, descriptor: Descriptor) -> ImageItem:
    reference = parse_reference(name)
    return ImageItem(name=reference.name, tag=reference.tag or "", digest=descriptor.digest)
