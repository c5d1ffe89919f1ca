"""A site's transfers without the engine: what `pulumi up` would bring, by the same sets and ledger.

Images go from the store, or on a dual-homed machine straight from upstream, to the registry; boot
assets go to the asset mirror's directory (from upstream: by way of the store, which they share
their bytes with). A later `up` finds everything present.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from airgap.errors import TransferError
from airgap.lock.model import Lock
from airgap.net import RetryPolicy, Traffic
from airgap.oci.client import RegistryClient
from airgap.oci.credentials import Credentials
from airgap.plan.caches import cache_sets
from airgap.progress import Progress
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.beside import is_beside
from airgap.transfer.contents import Content, StoreContent, UpstreamContent
from airgap.transfer.destination import AssetItem, ImageItem, RegistryDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.observe import file_fault, hash_of
from airgap.transfer.pool import DEFAULT_WORKERS
from airgap.transfer.publish import Published, publish_assets
from airgap.transfer.push import Pushed, connect, push_sets
from airgap.transfer.sources import FileSource, ImageSource
from airgap.transfer.survey import Need, PushSurvey
from airgap.transfer.wanted import (
    asset_sets,
    assets_of,
    image_places,
    mirror_of,
    registry_of,
)

__all__ = ["Estimate", "Mirrored", "SetEstimate", "Upstream", "estimate_site", "mirror_site"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """Where a dual-homed machine reads from, instead of the store."""

    registries: ImageSource
    releases: FileSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """What was done: None where the site serves its store as it is, and nothing moves."""

    images: Pushed | None
    assets: Mapping[str, Published] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetEstimate:
    """What one set takes; a blob that several sets need counts in the first.

    Attributes:
        present: Images or boot assets that are there.
        missing: Those that are not.
        send_bytes: Bytes that will go over the wire to the registry.
        receive_bytes: Bytes that will come over the wire: from upstream, and boot assets that are
            read back through the mirror's URL.
        copy_bytes: Bytes that this machine will copy on its disks; fewer where the file system
            can share them. A hard link is none.
        mounts: Blobs that the registry takes from another of its repositories.
    """

    present: int
    missing: int
    send_bytes: int
    receive_bytes: int = 0
    copy_bytes: int = 0
    mounts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a transfer of the site would do, by the names of its sets."""

    sets: Mapping[str, SetEstimate]

    @property
    def send_bytes(self) -> int:
        """All bytes that will be sent."""
        return sum(each.send_bytes for each in self.sets.values())

    @property
    def receive_bytes(self) -> int:
        """All bytes that will be received."""
        return sum(each.receive_bytes for each in self.sets.values())

    @property
    def copy_bytes(self) -> int:
        """All bytes that will be copied here."""
        return sum(each.copy_bytes for each in self.sets.values())

    @property
    def moved_bytes(self) -> int:
        """What takes its time at a line's rate: what is passed straight on counts once."""
        return sum(max(each.send_bytes, each.receive_bytes) for each in self.sets.values())

    @property
    def paced_bytes(self) -> int:
        """What the site's limits count: each byte in each direction."""
        return self.send_bytes + self.receive_bytes


def mirror_site(
    name: str,
    site: Site,
    lock: Lock,
    *,
    store: Store,
    upstream: Upstream | None = None,
    credentials: Credentials | None = None,
    retry: RetryPolicy | None = None,
    traffic: Traffic | None = None,
    progress: Progress | None = None,
    workers: int = DEFAULT_WORKERS,
) -> Mirrored:
    """Bring a lock's images and boot assets to the site.

    Args:
        name: The site's, which its sets are called by.
        site: Where they go.
        lock: What to bring.
        store: Holds them; with `upstream`, takes the boot assets.
        upstream: Read images from there instead of the store.
        credentials: For the site's registry; this machine's by default.
        retry: How patiently to repeat.
        traffic: The limits and counts of this run.
        progress: Told of everything.
        workers: How many transfers at a time.

    Raises:
        TransferError: Some items could not be brought; all others are there and recorded.
    """
    traffic = traffic or Traffic()
    images: Pushed | None = None
    if registry_of(site).kind == "existing":
        with connect(
            registry_of(site), credentials=credentials, retry=retry, traffic=traffic
        ) as client:
            for destination, sets in image_places(site, lock, name=name).items():
                pushed = push_sets(
                    _content(lock, store, upstream),
                    client,
                    destination,
                    sets,
                    _ledger(store, destination.identity),
                    twin=_ledger(store, destination.twin.identity),
                    traffic=traffic,
                    progress=progress,
                    workers=workers,
                )
                images = images.joined(pushed) if images else pushed
    assets: dict[str, Published] | None = None
    if mirror_of(site).kind == "directory":
        if upstream is not None:
            fetch_site(
                lock.model_copy(update={"images": {}}),
                registries=upstream.registries,
                releases=upstream.releases,
                store=store,
                traffic=traffic,
                progress=progress,
                workers=workers,
            )
        assets = _publish(name, site, lock, store, retry, traffic, progress)
    _release_left(name, site, lock, store)
    return Mirrored(images=images, assets=assets)


def estimate_site(
    name: str,
    site: Site,
    lock: Lock,
    *,
    store: Store,
    upstream: Upstream | None = None,
    credentials: Credentials | None = None,
    retry: RetryPolicy | None = None,
    traffic: Traffic | None = None,
    workers: int = DEFAULT_WORKERS,
) -> Estimate:
    """Ask what a transfer would do, exactly, and move nothing: see `mirror_site`.

    Raises:
        TransferError: The registry could not be asked, or refuses, for some images.
    """
    sets: dict[str, SetEstimate] = {}
    if registry_of(site).kind == "existing":
        with connect(
            registry_of(site), credentials=credentials, retry=retry, traffic=traffic
        ) as client:
            content = _content(lock, store, upstream)
            relays = upstream is not None
            estimate = _ImageEstimate(content, client, store, workers, relays=relays)
            for destination, held in image_places(site, lock, name=name).items():
                sets |= {key: estimate.add(destination, items) for key, items in held.items()}
    if mirror_of(site).kind == "directory":
        assets = _AssetEstimate(site, lock, store, fetches=upstream is not None)
        sets |= {key: assets.add(key, held) for key, held in asset_sets(name, lock).items()}
    return Estimate(sets=sets)


class _ImageEstimate:
    """Adds up sets, a blob counting where it is first needed.

    `relays`: what is sent comes from upstream at that moment.
    """

    def __init__(
        self,
        content: Content,
        client: RegistryClient,
        store: Store,
        workers: int,
        *,
        relays: bool,
    ) -> None:
        self._relays = relays
        self._content = content
        self._client = client
        self._store = store
        self._workers = workers
        self._homes: dict[str, dict[str, None]] = {}

    def add(self, destination: RegistryDestination, items: Sequence[ImageItem]) -> SetEstimate:
        survey = PushSurvey(
            self._content,
            self._client,
            destination,
            _ledger(self._store, destination.identity),
            items,
            twin=_ledger(self._store, destination.twin.identity),
            workers=self._workers,
        )
        trees, failures = survey.trees()
        if survey.failures or failures:
            raise TransferError(f"reading {destination.endpoint}", [*survey.failures, *failures])
        for digest, repositories in survey.homes().items():
            self._homes.setdefault(digest, {}).update(repositories)
        ways = [
            self._way(need, place)
            for need in survey.needs(trees).values()
            for place in need.repositories
        ]
        sent = sum(size for way, size in ways if way == "sent")
        mounted = sum(way == "mounted" for way, _ in ways)
        return SetEstimate(
            present=len(survey.present),
            missing=len(survey.missing),
            send_bytes=sent,
            receive_bytes=sent if self._relays else 0,
            mounts=mounted,
        )

    def _way(self, need: Need, repository: str) -> tuple[Literal["there", "mounted", "sent"], int]:
        """Tell how a blob would come to a repository, as a push finds it out."""
        digest, size = need.descriptor.digest, need.descriptor.size
        homes = self._homes.setdefault(str(digest), {})
        may_be_there = not homes or repository in homes
        is_elsewhere = any(home != repository for home in homes)
        homes[repository] = None
        if may_be_there and self._client.has_blob(repository, digest):
            return "there", size
        return ("mounted" if is_elsewhere else "sent"), size


class _AssetEstimate:
    """Adds up sets of boot assets; one that is fetched counts where it is first needed.

    `fetches`: what the store lacks comes from upstream first.
    """

    def __init__(self, site: Site, lock: Lock, store: Store, *, fetches: bool) -> None:
        destination = mirror_of(site)
        self._root = Path(destination.path)
        self._store = store
        self._is_linked = _is_same_disk(store.root, self._root)
        self._records = _ledger(store, destination.identity).sets()
        wanted = {item.sha256 for item in assets_of([lock])} if fetches else set()
        self._lacking = {digest for digest in wanted if not store.has(digest)}
        self._beside = {name for name, pin in lock.assets.items() if is_beside(pin.url)}

    def add(self, set_name: str, items: Iterable[AssetItem]) -> SetEstimate:
        """Add up one set."""
        proved = set(self._records[set_name].named) if set_name in self._records else set()
        present = missing = received = copied = 0
        for item in items:
            lacking = [path for path in item.paths if file_fault(self._root / path, item, hash_of)]
            present, missing = present + (not lacking), missing + bool(lacking)
            copied += item.size * len(self._copied(item, lacking))
            if lacking or not proved.issuperset(item.keys):
                received += item.size * len(item.paths)  # read back through the URL
            if item.sha256 in self._lacking:
                self._lacking.remove(item.sha256)
                is_here = item.name in self._beside
                copied += item.size if is_here else 0
                received += 0 if is_here else item.size
        return SetEstimate(
            present=present,
            missing=missing,
            send_bytes=0,
            receive_bytes=received,
            copy_bytes=copied,
        )

    def _copied(self, item: AssetItem, paths: Sequence[str]) -> list[str]:
        """Return those of the paths that get bytes of their own, as far as can be told."""
        return [path for path in paths if path != item.content_path or not self._is_linked]


def _is_same_disk(one: Path, other: Path) -> bool:
    """Tell whether two places, which need not be there yet, are in the same file system."""
    devices = []
    for place in (one.absolute(), other.absolute()):
        there = next(each for each in (place, *place.parents) if each.exists())
        devices.append(there.stat().st_dev)
    return devices[0] == devices[1]


def _publish(
    name: str,
    site: Site,
    lock: Lock,
    store: Store,
    retry: RetryPolicy | None,
    traffic: Traffic,
    progress: Progress | None,
) -> dict[str, Published]:
    destination = mirror_of(site)
    ledger = _ledger(store, destination.identity)
    return {
        key: publish_assets(
            store,
            destination,
            key,
            held,
            ledger,
            retry=retry,
            traffic=traffic,
            progress=progress,
        )
        for key, held in asset_sets(name, lock).items()
    }


def _release_left(name: str, site: Site, lock: Lock, store: Store) -> None:
    """Release the site's sets that its lock no longer has, as `up` does; removal is `prune`'s."""
    places: dict[str, set[str]] = {
        registry_of(site).identity: set(cache_sets(name, site, "image")),
        registry_of(site).twin.identity: set(),
        mirror_of(site).identity: {*asset_sets(name, lock), *cache_sets(name, site, "files")},
    }
    for destination, sets in image_places(site, lock, name=name).items():
        places[destination.identity] |= sets.keys()
    for identity, kept in places.items():
        ledger = _ledger(store, identity)
        for left in [each for each in ledger.sets() if each.startswith(f"{name}/")]:
            if left not in kept:
                ledger.release(left)


def _content(lock: Lock, store: Store, upstream: Upstream | None) -> Content:
    if upstream is None:
        return StoreContent(store)
    return UpstreamContent(upstream.registries, lock.images)


def _ledger(store: Store, identity: str) -> Ledger:
    return Ledger(ledger_root(store.root), identity)
