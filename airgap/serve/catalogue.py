"""What a store's names mean as URLs: repositories with tags, and files of boot assets.

A catalogue is a snapshot of index.json; `LiveCatalogue` makes a new one when index.json changed.
No URL ever becomes a path: a request looks up what is in here.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from airgap.digest import Digest
from airgap.errors import AirgapError, PublishError, SiteError
from airgap.oci.manifest import Descriptor, Manifest
from airgap.oci.reference import parse_reference, path_component
from airgap.store import (
    CHECKSUMS,
    Store,
    StoredAsset,
    content_path,
    render_checksums,
    split_key,
)
from airgap.store.assets import BOOT_ASSET, parse_artifact
from airgap.store.walk import is_manifest, read_manifest

__all__ = ["AssetFile", "Catalogue", "LiveCatalogue", "Repository"]

log = logging.getLogger(__name__)

_UPSTREAM, _NAMESPACE = "ghcr.io/", "siderolabs"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFile:
    """A boot asset at one of its paths; `is_immutable` where the path holds its digest."""

    asset: StoredAsset
    is_immutable: bool


class Repository:
    """One repository: `<registry>/<repository>` of the names in the store."""

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self.tags: dict[str, Descriptor] = {}
        self.roots: list[Descriptor] = []
        self._store = store
        self._lock = threading.Lock()
        self._members: dict[Digest, Descriptor] | None = None
        self._referrers: dict[Digest, list[dict[str, object]]] = {}
        self._damage: AirgapError | None = None

    def find(self, digest: Digest) -> Descriptor | None:
        """Find a part of what the repository's names reach; None when they do not reach it.

        Raises:
            AirgapError: It was not found, and could lie below a manifest that is damaged.
        """
        with self._lock:
            found = self._read().get(digest)
            if found is None and self._damage is not None:
                raise self._damage
            return found

    def referrers(self, subject: Digest) -> list[dict[str, object]]:
        """Return the descriptors of the manifests whose `subject` this is.

        What lies below a fallback tag (`sha256-<hex>`) is found too, being below a name.

        Raises:
            AirgapError: A manifest is damaged, so that the answer is not known.
        """
        with self._lock:
            self._read()
            if self._damage is not None:
                raise self._damage
            return self._referrers.get(subject, [])

    def _read(self) -> Mapping[Digest, Descriptor]:
        """Read all parts once a snapshot; while some are damaged, each time anew."""
        if self._members is None or self._damage is not None:
            self._damage, self._referrers = None, {}
            self._members = {part.digest: part for part in self._walk()}
        return self._members

    def _walk(self) -> Iterator[Descriptor]:
        """Yield what is reachable; what lies below a damaged manifest is not known."""
        pending, seen = list(self.roots), set[Digest]()
        while pending:
            part = pending.pop()
            if part.digest in seen:
                continue
            seen.add(part.digest)
            yield part
            if is_manifest(part):
                pending += self._open(part)

    def _open(self, part: Descriptor) -> tuple[Descriptor, ...]:
        try:
            manifest = read_manifest(self._store.blobs, part)
        except AirgapError as error:
            log.error("%s: %s", self.name, error)
            self._damage = error
            return ()
        if manifest.subject is not None:
            referrers = self._referrers.setdefault(manifest.subject.digest, [])
            referrers.append(_referrer(manifest))
        return (*manifest.children, *manifest.blobs)


def _referrer(manifest: Manifest) -> dict[str, object]:
    """Return a descriptor with artifactType and annotations (distribution v1.1, referrers)."""
    document: dict[str, object] = {
        "mediaType": manifest.media_type,
        "digest": str(manifest.digest),
        "size": len(manifest.raw),
    }
    if manifest.artifact_type:
        document["artifactType"] = manifest.artifact_type
    annotations = json.loads(manifest.raw).get("annotations")
    return document | ({"annotations": annotations} if annotations else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """A snapshot: repositories by name, asset files and checksum files by path.

    `for_factories` are those that an Image Factory reads, by the names it has for them.
    `damaged` are the assets whose manifest cannot be read, by key.
    """

    repositories: Mapping[str, Repository] = field(default_factory=dict)
    for_factories: Mapping[str, Repository] = field(default_factory=dict)
    assets: Mapping[str, AssetFile] = field(default_factory=dict)
    checksums: Mapping[str, bytes] = field(default_factory=dict)
    damaged: Mapping[str, AirgapError] = field(default_factory=dict)

    @classmethod
    def of(cls, store: Store) -> Catalogue:
        """Read a store's index.

        Raises:
            AirgapError: index.json cannot be read.
        """
        repositories: dict[str, Repository] = {}
        assets: dict[str, StoredAsset] = {}
        damaged: dict[str, AirgapError] = {}
        for entry in store.index.entries():
            if entry.descriptor.artifact_type == BOOT_ASSET:
                try:
                    manifest = read_manifest(store.blobs, entry.descriptor)
                    assets[entry.name] = parse_artifact(manifest)
                except AirgapError as error:
                    damaged[entry.name] = error
            elif entry.name:
                _add_image(repositories, store, entry.name, entry.descriptor)
        return cls(
            repositories=repositories,
            for_factories=_for_factories(repositories),
            assets=_files(assets),
            checksums=_checksum_files(assets),
            damaged=damaged,
        )

    def find(self, name: str, namespace: str | None) -> Repository | None:
        """Find a repository by the name in the URL, and containerd's `?ns=<registry>`.

        Only who says no registry is answered at a factory's places: a machine that asks for the
        same name in a registry which the site does not have gets nothing.
        """
        if namespace and (found := self.repositories.get(f"{namespace}/{name}")):
            return found
        found = self.repositories.get(name)
        return found if found or namespace else self.for_factories.get(name)

    def check_path(self, path: str) -> None:
        """Raise what is wrong with the asset that would have this path; nothing is no error."""
        directory, file = split_key(path)
        names = (path, f"{split_key(directory)[0]}/{file}")
        errors = [self.damaged[name] for name in names if name in self.damaged]
        if file == CHECKSUMS:  # it would lack the files that cannot be read
            damaged = [key for key in self.damaged if split_key(key)[0] == directory]
            errors += [self.damaged[key] for key in damaged]
        if errors:
            raise errors[0]


def _for_factories(repositories: Mapping[str, Repository]) -> dict[str, Repository]:
    """Return the repositories of `siderolabs` without their host (`artifacts.core.registry`)."""
    return {
        name.removeprefix(_UPSTREAM): repository
        for name, repository in repositories.items()
        if name.startswith(f"{_UPSTREAM}{_NAMESPACE}/")
    }


def _add_image(
    repositories: dict[str, Repository], store: Store, name: str, descriptor: Descriptor
) -> None:
    try:
        reference = parse_reference(name)
    except SiteError:
        log.info("%r in index.json is no complete reference: not served", name)
        return
    repository = repositories.setdefault(reference.name, Repository(store, reference.name))
    # Where a registry keeps it, too: a host's port has no colon in a path (layout `prefix`).
    repositories[f"{path_component(reference.registry)}/{reference.repository}"] = repository
    repository.roots.append(descriptor)
    if reference.tag:
        repository.tags[reference.tag] = descriptor


def _files(assets: Mapping[str, StoredAsset]) -> dict[str, AssetFile]:
    files = {key: AssetFile(asset=asset, is_immutable=False) for key, asset in assets.items()}
    for key, asset in assets.items():
        files[content_path(key, asset.sha512)] = AssetFile(asset=asset, is_immutable=True)
    return files


def _checksum_files(assets: Mapping[str, StoredAsset]) -> dict[str, bytes]:
    directories: dict[str, dict[str, Digest]] = defaultdict(dict)
    for key, asset in assets.items():
        directory, file = split_key(key)
        directories[directory][file] = asset.sha512
    return {f"{place}/{CHECKSUMS}": render_checksums(of) for place, of in directories.items()}


class LiveCatalogue:
    """The catalogue of a store that others write to. Thread-safe; one `stat` a call."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._catalogue = Catalogue()

    def current(self) -> Catalogue:
        """Return the catalogue of index.json as it is now.

        Raises:
            AirgapError: index.json cannot be read.
        """
        with self._lock:
            seen = self._stat()
            if seen != self._seen or self._catalogue.damaged:
                self._catalogue = Catalogue.of(self._store)
                self._seen = seen
            return self._catalogue

    def _stat(self) -> tuple[int, ...]:
        try:
            found = self._store.index.path.stat()
        except OSError as error:
            raise PublishError(f"{self._store.index.path}: {error.strerror}") from error
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
