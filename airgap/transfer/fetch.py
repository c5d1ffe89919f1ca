"""Fill the store from a lock: what is missing, each digest once, largest first.

Images come whole: the index, the manifest of every platform that the lock carries, every blob.
Blobs and boot assets are one run's jobs. Each byte is verified on its way in; a name is written
only when all below it is there. Killed at any moment and run again, it goes on inside the blobs it
was at; where nothing is missing, it asks nobody.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial

from airgap.digest import Digest
from airgap.errors import AirgapError, IntegrityError, PublishError, TransferError
from airgap.lock.model import AssetPin, ImagePin, Lock
from airgap.net import Target, Traffic
from airgap.oci.manifest import Descriptor, Manifest, parse_manifest
from airgap.oci.reference import parse_reference
from airgap.oci.subset import subset_index
from airgap.progress import Planned, Progress, Summary, Tally
from airgap.store import Store, StoredAsset
from airgap.transfer.beside import Moving
from airgap.transfer.own import rebuild
from airgap.transfer.pool import DEFAULT_WORKERS, Failures, run_each
from airgap.transfer.receiving import Opener, Receiving
from airgap.transfer.schedule import run_jobs
from airgap.transfer.sources import FileSource, ImageSource, Place

__all__ = ["Fetched", "fetch_site"]

_REBUILT = (
    "a factory that builds it again makes other bytes, and so does another factory: take the store "
    "that `lock` has filled, or run: python -m airgap lock <site> --upgrade {key}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a fetch did: items of the lock by outcome, and bytes.

    Attributes:
        moved_bytes: Of content, that came over the wire; repeated ones included.
        resumed_bytes: That an earlier run had brought of what this one completed.
    """

    images: int
    assets: int
    present: int
    moved_bytes: int
    resumed_bytes: int = 0


def fetch_site(
    lock: Lock,
    *,
    registries: ImageSource,
    releases: FileSource,
    store: Store,
    traffic: Traffic | None = None,
    progress: Progress | None = None,
    workers: int = DEFAULT_WORKERS,
    rehash: bool = False,
) -> Fetched:
    """Bring everything a lock names into the store.

    Args:
        lock: What to bring.
        registries: Where images are read from.
        releases: Where boot assets are read from.
        store: Where they go.
        traffic: The limits and counts of this run, the ones that the sources were made with.
        progress: Told of each blob and asset.
        workers: How many transfers at a time; each host's own limit is `traffic`'s.
        rehash: Hash what is there again, and fetch anew what is bad; otherwise what once entered
            the store is trusted.

    Raises:
        TransferError: Some items could not be had; all others are in the store.
    """
    began = time.monotonic()
    traffic = traffic or Traffic()
    retried = traffic.counts.retries
    fetch = _Fetch(store, registries, releases, traffic, progress, workers, rehash=rehash)
    images = {key: pin for key, pin in lock.images.items() if not fetch.has_image(key, pin)}
    known = store.assets()
    assets = {key: pin for key, pin in lock.assets.items() if not fetch.has_asset(key, pin, known)}
    # Nothing names an image before it is whole: until then no clean-up may take its blobs.
    with store.filling() if images or assets else nullcontext():
        failures = fetch.run(images, assets)
    total = len(lock.images) + len(lock.assets)
    fetched = Fetched(
        images=len(images),
        assets=len(assets),
        present=total - len(images) - len(assets),
        moved_bytes=fetch.moved_bytes,
        resumed_bytes=fetch.resumed_bytes,
    )
    if progress is not None:
        progress(
            Summary(
                moved_bytes=fetched.moved_bytes,
                skipped=fetched.present,
                mounted=0,
                retried=traffic.counts.retries - retried,
                seconds=time.monotonic() - began,
                resumed_bytes=fetched.resumed_bytes,
            )
        )
    if failures:
        raise TransferError("fetch", failures)
    return fetched


@dataclass(slots=True, kw_only=True)
class _Work:
    """A blob to fetch: from any of these repositories, for all of these images."""

    descriptor: Descriptor
    places: list[Place] = field(default_factory=list)
    images: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    """An image: its root, where it comes from, and its blobs."""

    root: Descriptor
    place: Place
    blobs: tuple[Descriptor, ...]


class _Fetch:
    def __init__(
        self,
        store: Store,
        registries: ImageSource,
        releases: FileSource,
        traffic: Traffic,
        progress: Progress | None,
        workers: int,
        *,
        rehash: bool,
    ) -> None:
        self._store = store
        self._registries = registries
        self._releases = releases
        self._traffic = traffic
        self._progress = progress
        self._workers = workers
        self._has = store.is_intact if rehash else store.has
        self._names = store.names()
        self.moved_bytes = 0
        self.resumed_bytes = 0

    def has_image(self, key: str, pin: ImagePin) -> bool:
        """Tell whether an image is named and complete; asks nobody."""
        named = self._names.get(key)
        if named is None or str(named.digest) != pin.digest:
            return False
        try:
            return all(self._has(part.digest) for part in self._store.reachable(named.digest))
        except (PublishError, IntegrityError):
            return False

    def has_asset(self, key: str, pin: AssetPin, known: dict[str, StoredAsset]) -> bool:
        """Tell whether an asset is named and there; asks nobody."""
        return known.get(key) == _stored(pin) and self._has(Digest.parse(pin.sha256))

    def run(self, images: Mapping[str, ImagePin], assets: Mapping[str, AssetPin]) -> Failures:
        """Fetch images and assets; name those that are complete."""
        surveyed, failures = run_each(
            list(images), lambda key: self._survey(key, images[key]), workers=self._workers
        )
        works = {
            digest: work
            for digest, work in _by_digest(surveyed).items()
            if not self._has(work.descriptor.digest)
        }
        tally = Tally(len(works) + len(assets), self._progress)
        jobs = [self._blob_job(digest, work, tally) for digest, work in works.items()]
        jobs += [self._asset_job(key, pin, tally) for key, pin in assets.items()]
        if self._progress is not None:
            self._progress(Planned(size_bytes=sum(job.size for job in jobs)))
        broken = run_jobs(jobs, workers=self._workers, traffic=self._traffic)
        self.moved_bytes = sum(job.moved_bytes for job in jobs)
        self.resumed_bytes = sum(job.resumed_bytes for job in jobs)
        failures += _by_item(broken, works)
        failed = {key for key, _ in failures}
        complete = {key: found.root for key, found in surveyed.items() if key not in failed}
        if complete:
            self._store.name(complete)
        return failures

    def _survey(self, key: str, pin: ImagePin) -> _Survey:
        """Bring an image's manifests into the store, and list its blobs."""
        reference = parse_reference(key)
        place = self._registries.locate(reference.registry, reference.repository)
        root = self._own(key, place, pin) if pin.signature else self._root(place, pin)
        blobs = {
            blob.digest: blob for manifest in self._tree(place, root) for blob in manifest.blobs
        }
        return _Survey(root=root.descriptor, place=place, blobs=tuple(blobs.values()))

    def _root(self, place: Place, pin: ImagePin) -> Manifest:
        digest = Digest.parse(pin.digest)
        if pin.whole is None:
            return self._manifest(place, digest)
        if not self._has(digest):  # made again as `lock` made it; other bytes are refused
            client, repository = place
            whole = client.manifest(repository, pin.whole)
            self._store.put(subset_index(whole.raw, list(pin.platforms)), expected=digest)
        return self._store.manifest(digest)

    def _own(self, key: str, place: Place, pin: ImagePin) -> Manifest:
        """Make a signature of the site's own again: upstream has only what stands before it."""
        own = rebuild(key, pin, lambda whole: self._manifest(place, whole))
        for digest, data in own.blobs.items():
            self._store.put(data, expected=digest)
        self._store.put(own.manifest.raw, expected=own.manifest.digest)
        return own.manifest

    def _tree(self, place: Place, root: Manifest) -> Iterator[Manifest]:
        yield root
        for child in root.children:
            yield from self._tree(place, self._manifest(place, child.digest))

    def _manifest(self, place: Place, digest: Digest) -> Manifest:
        if self._has(digest):
            with suppress(IntegrityError):  # it changed on disk: fetched anew
                return self._store.manifest(digest)
        client, repository = place
        manifest = client.manifest(repository, str(digest))
        self._store.put(manifest.raw, expected=digest)
        return parse_manifest(manifest.raw, media_type=manifest.media_type, source=str(digest))

    def _blob_job(self, digest: str, work: _Work, tally: Tally) -> Receiving:
        size = work.descriptor.size
        return Receiving(
            digest,
            work.descriptor,
            [_blob_opener(place, work.descriptor) for place in work.places],
            self._store,
            done=lambda: tally.add(digest, "fetched", size),
            progress=self._progress,
        )

    def _asset_job(self, key: str, pin: AssetPin, tally: Tally) -> Receiving:
        asset = _stored(pin)
        is_there = self._has(asset.sha256)

        def done() -> None:
            self._store.add_asset(key, asset)
            tally.add(key, "present" if is_there else "fetched", 0 if is_there else pin.size)

        return Receiving(
            key,
            Descriptor(media_type="application/octet-stream", digest=asset.sha256, size=asset.size),
            [partial(self._open_asset, pin)],
            self._store,
            sha512=asset.sha512,
            done=done,
            is_there=is_there,
            progress=self._progress,
            mismatch=_REBUILT.format(key=key) if pin.made_by else "",
        )

    def _open_asset(self, pin: AssetPin, into: Target) -> Moving:
        return self._releases.transfer(pin.url, into, size=pin.size, max_bytes=pin.size)


def _blob_opener(place: Place, descriptor: Descriptor) -> Opener:
    client, repository = place
    return lambda into: client.blob_transfer(repository, descriptor, into)


def _by_digest(surveyed: Mapping[str, _Survey]) -> dict[str, _Work]:
    """Turn images into work: a blob that many need is fetched once."""
    works: dict[str, _Work] = {}
    for key, survey in surveyed.items():
        for blob in survey.blobs:
            work = works.setdefault(str(blob.digest), _Work(descriptor=blob))
            work.images.append(key)
            if survey.place not in work.places:
                work.places.append(survey.place)
    return works


def _by_item(broken: Failures, works: Mapping[str, _Work]) -> Failures:
    """Turn failed blobs into failed images, each with its first error; assets are themselves."""
    failures: dict[str, AirgapError] = {}
    for name, error in broken:
        for key in works[name].images if name in works else (name,):
            failures.setdefault(key, error)
    return list(failures.items())


def _stored(pin: AssetPin) -> StoredAsset:
    return StoredAsset(
        sha256=Digest.parse(pin.sha256),
        sha512=Digest.parse(pin.sha512),
        size=pin.size,
        origin=pin.url,
        made_by=pin.made_by.words if pin.made_by else "",
    )
