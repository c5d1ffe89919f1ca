"""Hash everything a lock names again: in the store, inside the registry, in the asset mirror.

Reads only, and reads everything: inside a registry each manifest and each blob (a blob once,
however many repositories link to it); in the mirror each file, on disk and through its URL.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from airgap.digest import Digest
from airgap.errors import AirgapError, IntegrityError, TransferError, UpstreamError
from airgap.lock.model import Lock
from airgap.net import Traffic
from airgap.oci.client import RegistryClient
from airgap.oci.credentials import Credentials
from airgap.oci.manifest import Descriptor, Manifest
from airgap.progress import Progress, Tally
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.destination import AssetItem, ImageItem, MirrorDestination, RegistryDestination
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.limits import site_traffic
from airgap.transfer.observe import observe_assets
from airgap.transfer.pool import Failures, run_each
from airgap.transfer.push import connect
from airgap.transfer.readback import MirrorReader
from airgap.transfer.wanted import assets_of, image_places, images_of, mirror_of, registry_of

__all__ = ["PLACES", "Place", "Problem", "verify_site"]

Place = Literal["store", "registry", "mirror"]
PLACES: tuple[Place, ...] = ("store", "registry", "mirror")
_WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is not as the lock says."""

    place: Place
    item: str
    fault: str

    def __str__(self) -> str:
        """Return `place: item: fault`."""
        return f"{self.place}: {self.item}: {self.fault}"


def verify_site(
    site: Site,
    lock: Lock,
    *,
    store_root: Path,
    places: Collection[Place] = PLACES,
    credentials: Credentials | None = None,
    progress: Progress | None = None,
    traffic: Traffic | None = None,
) -> tuple[Problem, ...]:
    """Compare every place that holds a site's content with its lock, byte by byte.

    Args:
        site: Whose places.
        lock: What they have to hold.
        store_root: Where the store is.
        places: Which to look at; outside the gap only the store can be.
        credentials: For the registry; this machine's by default.
        progress: Told of each blob and asset.
        traffic: The limits and counts of this run; the site's by default.

    Returns:
        What is wrong: store, registry, mirror in this order; nothing when all is well.

    Raises:
        PublishError: There is no store.
        TransferError: The registry or the mirror cannot be reached.
    """
    traffic = traffic or site_traffic(site.transfer)
    problems: list[Problem] = []
    images, assets = images_of([lock]), assets_of([lock])
    if "store" in places:
        problems += _verify_store(Store.open(store_root), images, assets, progress)
    registry = registry_of(site)
    if "registry" in places and images and registry.kind != "none":
        with connect(registry, credentials=credentials, traffic=traffic) as client:
            for destination, sets in image_places(site, lock, name="").items():
                held = tuple(item for items in sets.values() for item in items)
                problems += _Registry(client, destination).verify(held, progress)
    if "mirror" in places and assets:
        mirror = mirror_of(site)
        ledger = Ledger(ledger_root(store_root), mirror.identity)
        problems += _verify_mirror(mirror, assets, ledger, traffic, progress)
    return tuple(problems)


def _verify_store(
    store: Store,
    images: Sequence[ImageItem],
    assets: Sequence[AssetItem],
    progress: Progress | None,
) -> Iterator[Problem]:
    held = {descriptor.digest for descriptor in store.names().values()}
    known = {(name, asset.sha256, asset.sha512) for name, asset in store.assets().items()}
    for item in images:
        if item.digest not in held:
            yield Problem(place="store", item=item.label, fault="not in the store")
    for asset in assets:
        if (asset.name, asset.sha256, asset.sha512) not in known:
            yield Problem(place="store", item=asset.name, fault="not in the store")
    tally = Tally(0, progress)
    for damage in store.verify(report=lambda one: tally.add(str(one.digest), "verified", one.size)):
        needed_by = ", ".join(damage.needed_by)
        yield Problem(place="store", item=needed_by, fault=f"{damage.digest} {damage.kind}")


class _Registry:
    def __init__(self, client: RegistryClient, destination: RegistryDestination) -> None:
        self._client = client
        self._destination = destination

    def verify(self, items: Sequence[ImageItem], progress: Progress | None) -> list[Problem]:
        """Read every manifest and every blob of the images."""
        by_label = {item.label: item for item in items}
        trees, failures = run_each(
            list(by_label), lambda label: tuple(self._tree(by_label[label])), workers=_WORKERS
        )
        places = self._places(by_label, trees)
        tally = Tally(len(places), progress)
        _, broken = run_each(
            list(places), lambda digest: self._read(places[digest], tally), workers=_WORKERS
        )
        failures += broken
        _refuse_unreachable(self._destination.endpoint, failures)
        return [Problem(place="registry", item=item, fault=e.message) for item, e in failures]

    def _tree(self, item: ImageItem) -> Iterator[Manifest]:
        repository = self._destination.repository(item.name)
        found = self._client.head_manifest(repository, self._destination.reference(item))
        if found is None:
            is_there = not item.tag and self._client.head_manifest(repository, str(item.digest))
            raise IntegrityError(f"has no tag {item.keeper}" if is_there else "missing")
        if found.digest != item.digest:
            raise IntegrityError(f"has {found.digest}, expected {item.digest}")
        yield from self._below(repository, item.digest)

    def _below(self, repository: str, digest: Digest) -> Iterator[Manifest]:
        manifest = self._client.manifest(repository, str(digest))
        yield manifest
        for child in manifest.children:
            yield from self._below(repository, child.digest)

    def _places(
        self, by_label: dict[str, ImageItem], trees: dict[str, tuple[Manifest, ...]]
    ) -> dict[str, tuple[Descriptor, list[str]]]:
        places: dict[str, tuple[Descriptor, list[str]]] = {}
        for label, tree in trees.items():
            repository = self._destination.repository(by_label[label].name)
            for blob in (blob for manifest in tree for blob in manifest.blobs):
                _, repositories = places.setdefault(str(blob.digest), (blob, []))
                if repository not in repositories:
                    repositories.append(repository)
        return places

    def _read(self, place: tuple[Descriptor, list[str]], tally: Tally) -> None:
        """Hash a blob in one repository, and see that the others have it too."""
        descriptor, (first, *others) = place[0], place[1]
        self._client.verify_blob(first, descriptor)
        for repository in others:
            if not self._client.has_blob(repository, descriptor.digest):
                raise IntegrityError(f"missing in {repository}")
        tally.add(str(descriptor.digest), "verified", descriptor.size)


def _verify_mirror(
    mirror: MirrorDestination,
    items: Sequence[AssetItem],
    ledger: Ledger,
    traffic: Traffic,
    progress: Progress | None,
) -> list[Problem]:
    faults = observe_assets(mirror, items, ledger, traffic=traffic)
    problems = [
        Problem(place="mirror", item=name, fault=fault) for name, fault in faults.items() if fault
    ]
    sound = {item.name: item for item in items if not faults[item.name]}
    tally = Tally(len(sound), progress)
    with MirrorReader(mirror, traffic=traffic) as reader:

        def read_back(name: str) -> None:
            reader.check(sound[name])
            tally.add(name, "verified", sound[name].size)

        _, failures = run_each(list(sound), read_back, workers=_WORKERS)
    return problems + [
        Problem(place="mirror", item=name, fault=error.message) for name, error in failures
    ]


def _refuse_unreachable(where: str, failures: Failures) -> None:
    """Tell a registry that cannot be reached from one that holds wrong content."""

    def is_answer(error: AirgapError) -> bool:
        return not isinstance(error, UpstreamError) or error.status == 404

    mute = [(item, error) for item, error in failures if not is_answer(error)]
    if mute:
        raise TransferError(f"reading {where}", mute)
