"""Resolve a site to a lock: every tag to a digest, every boot asset to its sums.

Pins of an earlier lock stay unless an upgrade is asked for; upstream is then only asked whether a
tag has moved, which is a note, and so is an upstream that does not answer. All independent items
are tried before anything is raised.
"""

from __future__ import annotations

from collections.abc import Collection as Several
from dataclasses import dataclass

from airgap.errors import TransferError
from airgap.lock import Lock, fingerprint
from airgap.progress import Progress, Tally
from airgap.resolve.assets import Assets
from airgap.resolve.image_needs import find_images
from airgap.resolve.needs import class_extensions, find_assets, find_schematics
from airgap.resolve.releases import Releases
from airgap.resolve.run import Note, Run
from airgap.resolve.selection import Selection
from airgap.resolve.signatures import Collection
from airgap.resolve.sources import FileSource
from airgap.resolve.upgrade import Upgrade
from airgap.signature import ArtifactSource
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.pool import DEFAULT_WORKERS

__all__ = ["Resolution", "resolve_site"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The new lock, and notes sorted by subject."""

    lock: Lock
    notes: tuple[Note, ...]


def resolve_site(
    site: Site,
    *,
    previous: Lock | None = None,
    upgrade: Several[str] | None = None,
    registries: ArtifactSource,
    releases: FileSource,
    store: Store | None = None,
    progress: Progress | None = None,
    workers: int = DEFAULT_WORKERS,
) -> Resolution:
    """Resolve a site.

    Args:
        site: The site.
        previous: The lock so far; its pins stay.
        upgrade: Pins to move: references, repositories or asset keys; empty means all of them,
            None none.
        registries: Where images are asked for.
        releases: Where boot assets are read.
        store: Keeps the boot assets that have to be read anyway.
        progress: Told of each item.
        workers: How many items at a time.

    Raises:
        SiteError: The site needs what cannot be, found without asking anybody.
        TransferError: Items that could not be resolved, each with its error.
    """
    image_wants, asset_wants = find_images(site), find_assets(site)
    extension_wants = class_extensions(site)
    known = {*image_wants, *asset_wants, *(previous.images if previous else ())}
    moving = Upgrade(upgrade, known=known)
    tally = Tally(0, progress)
    signatures = Collection(
        site.signatures, previous, moving, registries=registries, tally=tally, workers=workers
    )
    run = Run(
        previous,
        moving,
        registries=registries,
        assets=Assets(releases, store, Releases(site.signatures)),
        architectures=site.architectures,
        selection=Selection(site.transfer.platforms, must_be_signed=signatures.must_be_signed),
        tally=tally,
        workers=workers,
    )
    images = run.images(image_wants)
    extensions = run.extensions(extension_wants, images)
    images = run.extension_images(extension_wants, extensions, images)
    images = signatures.collect(images)
    assets = run.assets(asset_wants)
    run.read_again()
    if failures := [*run.failures, *signatures.failures]:
        raise TransferError("lock", failures)
    lock = Lock(
        inputs=fingerprint(site),
        images=dict(sorted(images.items())),
        assets=assets,
        extensions={
            version: {name: str(reference) for name, reference in by_name.items()}
            for version, by_name in extensions.items()
        },
        schematics=find_schematics(site),
    )
    return Resolution(lock=lock, notes=tuple(sorted({*run.notes, *signatures.notes})))
