"""Fill the store from a lock: what is missing, each digest once, largest first.

Images come whole: the index, every platform's manifest, every blob. Each byte is verified on its
way in; a name is written only when all below it is there. Killed at any moment and run again, it
fetches what is still missing; where nothing is, it asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from airgap.digest import Digest
from airgap.errors import AirgapError, IntegrityError, PublishError, TransferError
from airgap.lock.model import AssetPin, ImagePin, Lock
from airgap.net import Sink
from airgap.oci.client import RegistryClient
from airgap.oci.manifest import Descriptor, Manifest
from airgap.oci.reference import parse_reference
from airgap.store import Store, StoredAsset
from airgap.transfer.pool import DEFAULT_WORKERS, Failures, run_each
from airgap.transfer.progress import Progress, Tally

__all__ = ["Fetched", "FileSource", "ImageSource", "fetch_site"]

_Source = tuple[RegistryClient, str]


class ImageSource(Protocol):
    """Where images are read from (`airgap.oci.registries.Registries`)."""

    def locate(self, registry_host: str, repository: str) -> tuple[RegistryClient, str]:
        """Return the client for an upstream host, and the repository's name there."""


class FileSource(Protocol):
    """Where boot assets are read from (`airgap.net.origins.Origins`)."""

    def download(self, url: str, sink: Sink, *, size: int | None, max_bytes: int) -> int:
        """Stream the file of a public URL into a sink."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a fetch did: items of the lock by outcome, and the bytes that moved."""

    images: int
    assets: int
    present: int
    moved_bytes: int


@dataclass(slots=True, kw_only=True)
class _Work:
    """A blob to fetch: from any of these repositories, for all of these images."""

    descriptor: Descriptor
    sources: list[_Source] = field(default_factory=list)
    images: list[str] = field(default_factory=list)


def fetch_site(
    lock: Lock,
    *,
    registries: ImageSource,
    releases: FileSource,
    store: Store,
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
        progress: Told of each blob and asset.
        workers: How many transfers at a time.
        rehash: Hash what is there again, and fetch anew what is bad; otherwise what once entered
            the store is trusted.

    Raises:
        TransferError: Some items could not be had; all others are in the store.
    """
    fetch = _Fetch(store, registries, releases, workers=workers, rehash=rehash)
    images = {key: pin for key, pin in lock.images.items() if not fetch.has_image(key, pin)}
    known = store.assets()
    assets = {key: pin for key, pin in lock.assets.items() if not fetch.has_asset(key, pin, known)}
    failures = fetch.images(images, progress)
    failures += fetch.assets(assets, progress)
    if failures:
        raise TransferError("fetch", failures)
    total = len(lock.images) + len(lock.assets)
    return Fetched(
        images=len(images),
        assets=len(assets),
        present=total - len(images) - len(assets),
        moved_bytes=fetch.moved_bytes,
    )


class _Fetch:
    def __init__(
        self,
        store: Store,
        registries: ImageSource,
        releases: FileSource,
        *,
        workers: int,
        rehash: bool,
    ) -> None:
        self._store = store
        self._registries = registries
        self._releases = releases
        self._workers = workers
        self._has = store.is_intact if rehash else store.has
        self._names = store.names()
        self._moved: list[int] = []

    @property
    def moved_bytes(self) -> int:
        """Bytes of the blobs and assets fetched so far."""
        return sum(self._moved)

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

    # Images

    def images(self, pins: dict[str, ImagePin], progress: Progress | None) -> Failures:
        """Fetch images; name those that are complete."""
        surveyed, failures = run_each(
            list(pins), lambda key: self._survey(key, pins[key]), workers=self._workers
        )
        works = _by_digest(surveyed)
        missing = [digest for digest in works if not self._has(works[digest].descriptor.digest)]
        missing.sort(key=lambda digest: -works[digest].descriptor.size)
        tally = Tally(len(missing), progress)
        _, broken = run_each(
            missing, lambda digest: self._fetch_blob(works[digest], tally), workers=self._workers
        )
        failures += _by_image(broken, works)
        failed = {key for key, _ in failures}
        complete = {key: found.root for key, found in surveyed.items() if key not in failed}
        if complete:
            self._store.name(complete)
        return failures

    def _survey(self, key: str, pin: ImagePin) -> _Survey:
        """Bring an image's manifests into the store, and list its blobs."""
        reference = parse_reference(key)
        client, repository = self._registries.locate(reference.registry, reference.repository)
        source = (client, repository)
        root = self._manifest(source, Digest.parse(pin.digest))
        blobs = {
            blob.digest: blob for manifest in self._tree(source, root) for blob in manifest.blobs
        }
        return _Survey(root=root.descriptor, source=source, blobs=tuple(blobs.values()))

    def _tree(self, source: _Source, root: Manifest) -> Iterator[Manifest]:
        yield root
        for child in root.children:
            yield from self._tree(source, self._manifest(source, child.digest))

    def _manifest(self, source: _Source, digest: Digest) -> Manifest:
        if self._has(digest):
            with suppress(IntegrityError):  # it changed on disk: fetched anew
                return self._store.manifest(digest)
        client, repository = source
        manifest = client.manifest(repository, str(digest))
        self._store.put(manifest.raw, expected=digest)
        return manifest

    def _fetch_blob(self, work: _Work, tally: Tally) -> None:
        """Fetch a blob from the first repository that gives it."""
        descriptor = work.descriptor
        failure: AirgapError | None = None
        for client, repository in work.sources:
            try:
                with self._store.writer(descriptor) as writer:
                    client.download_blob(repository, descriptor, writer)
            except PublishError:
                raise  # the disk is full or read-only: another source does not help
            except AirgapError as error:
                failure = error
                continue
            self._moved.append(descriptor.size)
            tally.add(str(descriptor.digest), "fetched", descriptor.size)
            return
        raise failure or IntegrityError(f"{descriptor.digest}: no repository to fetch it from")

    # Boot assets

    def assets(self, pins: dict[str, AssetPin], progress: Progress | None) -> Failures:
        """Fetch boot assets: sha256, sha512 and size are checked in one pass."""
        largest_first = sorted(pins, key=lambda key: -pins[key].size)
        tally = Tally(len(pins), progress)
        _, failures = run_each(
            largest_first,
            lambda key: self._fetch_asset(key, pins[key], tally),
            workers=self._workers,
        )
        return failures

    def _fetch_asset(self, key: str, pin: AssetPin, tally: Tally) -> None:
        asset = _stored(pin)
        moved = 0
        if not self._has(asset.sha256):
            descriptor = Descriptor(
                media_type="application/octet-stream", digest=asset.sha256, size=asset.size
            )
            with self._store.writer(descriptor, also_sha512=True) as writer:
                self._releases.download(pin.url, writer, size=pin.size, max_bytes=pin.size)
                if writer.sha512 != asset.sha512:
                    raise IntegrityError(f"got {writer.sha512}, expected {asset.sha512}")
            moved = asset.size
        self._store.add_asset(key, asset)
        self._moved.append(moved)
        tally.add(key, "fetched" if moved else "present", moved)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    """An image: its root, where it comes from, and its blobs."""

    root: Descriptor
    source: _Source
    blobs: tuple[Descriptor, ...]


def _by_digest(surveyed: dict[str, _Survey]) -> dict[str, _Work]:
    """Turn images into work: a blob that many need is fetched once."""
    works: dict[str, _Work] = {}
    for key, survey in surveyed.items():
        for blob in survey.blobs:
            work = works.setdefault(str(blob.digest), _Work(descriptor=blob))
            work.images.append(key)
            if survey.source not in work.sources:
                work.sources.append(survey.source)
    return works


def _by_image(broken: Failures, works: dict[str, _Work]) -> Failures:
    """Turn failed blobs into failed images, each with its first error."""
    failures: dict[str, AirgapError] = {}
    for digest, error in broken:
        for key in works[digest].images:
            failures.setdefault(key, error)
    return list(failures.items())


def _stored(pin: AssetPin) -> StoredAsset:
    return StoredAsset(
        sha256=Digest.parse(pin.sha256),
        sha512=Digest.parse(pin.sha512),
        size=pin.size,
        origin=pin.url,
    )
