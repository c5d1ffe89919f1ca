"""Resolve a site to a lock: every tag to a digest, every boot asset to its sums.

Pins of an earlier lock stay unless an upgrade is asked for; upstream is then only asked whether a
tag has moved, which is a note, and so is an upstream that does not answer. All independent items
are tried before anything is raised.
"""

from __future__ import annotations

from collections.abc import Collection as Several
from collections.abc import Mapping
from dataclasses import dataclass

from airgap.errors import Fault, SiteError, TransferError
from airgap.lock import AssetPin, ImagePin, Lock, fingerprint
from airgap.progress import Progress, Tally
from airgap.resolve.assets import Assets
from airgap.resolve.changes import changed_schematics
from airgap.resolve.factory_assets import FactoryRun
from airgap.resolve.factory_wants import find_factory_assets
from airgap.resolve.image_needs import find_images
from airgap.resolve.needs import (
    class_extensions,
    class_overlays,
    find_assets,
    find_schematics,
    has_factory,
    has_whole_catalogue,
)
from airgap.resolve.notes import Note
from airgap.resolve.official import Chosen, Official, add_official, overlay_remarks
from airgap.resolve.own_signatures import trusted_key
from airgap.resolve.releases import Releases
from airgap.resolve.run import Run
from airgap.resolve.selection import Selection
from airgap.resolve.signatures import Collection
from airgap.resolve.sources import MakingSource
from airgap.resolve.upgrade import Upgrade
from airgap.resolve.wants import ImageWant
from airgap.signature import ArtifactSource
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.pool import DEFAULT_WORKERS, Failures

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
    every: bool = False,
    registries: ArtifactSource,
    releases: MakingSource,
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
        every: Carry the whole catalogues, although the site needs less of them.
        registries: Where images are asked for.
        releases: Where boot assets are read.
        store: Keeps the boot assets that have to be read anyway.
        progress: Told of each item.
        workers: How many items at a time.

    Raises:
        SiteError: The site needs what cannot be, found without asking anybody.
        TransferError: Items that could not be resolved, each with its error.
    """
    site = _with_whole_catalogue(site) if every else site
    wants, asset_wants, made_wants = find_images(site), find_assets(site), find_factory_assets(site)
    before = {*previous.images, *previous.assets} if previous else set()
    moving = Upgrade(upgrade, known={*wants, *asset_wants, *made_wants, *before})
    tally = Tally(0, progress)
    signatures = Collection(
        site.signatures,
        previous,
        moving,
        registries=registries,
        tally=tally,
        workers=workers,
        trusted=trusted_key(site),
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
        interrupted=releases.factory.stop if releases.factory else None,
    )
    official = Official(previous, moving, registries=registries, workers=workers)
    making = FactoryRun(
        site,
        previous,
        moving,
        factory=releases.factory,
        store=store,
        tally=tally,
        progress=progress,
    )
    images = run.images({key: want for key, want in wants.items() if not want.made})
    extensions, overlays = _add_official(site, images, official, run)
    assets = run.assets(asset_wants)
    if not official.failures:  # a factory would build for minutes, and then refuse the name
        images |= run.images(_makable(wants, run, making))
        assets |= making.assets(made_wants)
    images = signatures.collect(images)
    run.read_again()
    _raise([*run.failures, *official.failures, *making.failures, *signatures.failures])
    lock = _lock(site, images, assets, extensions, overlays)
    notes = {*run.notes, *making.notes, *signatures.notes, *overlay_remarks(site, overlays)}
    notes |= {*changed_schematics(previous, lock)}
    return Resolution(lock=lock, notes=tuple(sorted(notes)))


def _raise(failures: Failures) -> None:
    if failures:
        raise TransferError("lock", failures)


def _lock(
    site: Site,
    images: Mapping[str, ImagePin],
    assets: Mapping[str, AssetPin],
    extensions: Chosen,
    overlays: Chosen,
) -> Lock:
    return Lock(
        inputs=fingerprint(site),
        images=dict(sorted(images.items())),
        assets=dict(sorted(assets.items())),
        extensions=_texts(extensions),
        overlays=_texts(overlays) or None,
        schematics=find_schematics(site),
    )


def _makable(wants: Mapping[str, ImageWant], run: Run, making: FactoryRun) -> dict[str, ImageWant]:
    """Return the images that a factory makes: pinned already, or of a schematic that it knows."""
    made = {key: want for key, want in wants.items() if want.made}
    fresh = {key: _schematic_of(want) for key, want in made.items() if not run.is_kept(key, want)}
    registered = making.register(fresh.values())
    return {key: want for key, want in made.items() if key not in fresh or fresh[key] in registered}


def _schematic_of(want: ImageWant) -> str:
    """Return the schematic ID of an installer, `<host>/<name>/<schematic ID>:<version>`."""
    return want.reference.repository.rpartition("/")[2]


def _with_whole_catalogue(site: Site) -> Site:
    """Return a site as if it said `imageFactory.catalogue: all`.

    Raises:
        SiteError: It has no factory that could use it.
    """
    if not has_factory(site):
        message = "the site has no Image Factory that would read the whole catalogue"
        raise SiteError("site", [Fault(path="imageFactory.kind", message=message)])
    factory = site.image_factory.model_copy(update={"catalogue": "all"})
    return site.model_copy(update={"image_factory": factory})


def _whole(site: Site) -> tuple[str, ...]:
    return site.talos.versions if has_whole_catalogue(site) else ()


def _add_official(
    site: Site, images: dict[str, ImagePin], official: Official, run: Run
) -> tuple[Chosen, Chosen]:
    """Return the official extensions and overlays that are named, or all there are.

    Where a factory inside reads them, their images are added.
    """
    catalogues, whole = images if has_factory(site) else None, _whole(site)
    named, named_overlays = class_extensions(site), class_overlays(site)
    extensions = official.choose("extension", named, catalogues, whole=whole)
    overlays = official.choose("overlay", named_overlays, catalogues, whole=whole)
    if has_factory(site):
        wants: dict[str, ImageWant] = {}
        add_official(extensions, named, images, wants, whole=whole)
        add_official(overlays, named_overlays, images, wants, whole=whole)
        images |= run.images(wants)
    return extensions, overlays


def _texts(chosen: Chosen) -> dict[str, dict[str, str]]:
    return {
        version: {name: str(reference) for name, reference in by_name.items()}
        for version, by_name in chosen.items()
    }
