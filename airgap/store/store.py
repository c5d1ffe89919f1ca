"""The content store: an OCI image layout on disk that holds all a site needs.

Several threads and processes may use one store. The rooms behind it: `blobs` (content), `index`
(names), `assets` (boot assets as artifacts), `verify` and `collect` (the whole).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from airgap.digest import Digest
from airgap.oci.manifest import MAX_MANIFEST_BYTES, OCI_MANIFEST, Descriptor, Manifest
from airgap.oci.manifest import parse_manifest as _parse_manifest
from airgap.store.assets import (
    BOOT_ASSET,
    EMPTY_CONFIG,
    StoredAsset,
    build_artifact,
    check_key,
    parse_artifact,
)
from airgap.store.blobs import Blobs
from airgap.store.collect import Collected, collect_blobs, find_orphans
from airgap.store.disk import Disk
from airgap.store.index import Entry, Index
from airgap.store.inventory import Inventory, take_inventory
from airgap.store.landing import measure_kept, remove_stale
from airgap.store.layout import PARTIAL, collecting, filling, locked, open_layout
from airgap.store.partial import sweep
from airgap.store.reception import Reception
from airgap.store.verify import Checked, Damage, verify_blobs
from airgap.store.walk import read_manifest, walk

__all__ = ["Store"]


class Store:
    """A content store by its directory; use `Store.open`."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self.root = root
        self.blobs = Blobs(root, disk)
        self.index = Index(root)

    @classmethod
    def open(cls, root: Path, *, create: bool = False) -> Store:
        """Open a store; with `create`, make it where it is absent and sweep partial files.

        Raises:
            PublishError: It is absent (the hint names `fetch`) or the directory is something else.
        """
        open_layout(root, create=create)
        return cls(root)

    # Content

    def has(self, digest: Digest) -> bool:
        """Tell whether a blob is there; what is there was verified on entry."""
        return self.blobs.has(digest)

    def blob_path(self, digest: Digest) -> Path:
        """Return where a blob lies, or would lie."""
        return self.blobs.path(digest)

    def size(self, digest: Digest) -> int:
        """Return a blob's size; PublishError when it is absent."""
        return self.blobs.size(digest)

    def read(self, digest: Digest, *, max_bytes: int = MAX_MANIFEST_BYTES) -> bytes:
        """Read a small blob, hashed again; PublishError when absent, IntegrityError when bad."""
        return self.blobs.read(digest, max_bytes=max_bytes)

    def is_intact(self, digest: Digest) -> bool:
        """Hash a blob again; False when it is missing or bad (write it again to repair it)."""
        return self.blobs.is_intact(digest)

    def check(self, digest: Digest) -> None:
        """Hash a blob again; IntegrityError, with what mends it, when its bytes have changed."""
        self.blobs.check(digest)

    def manifest(self, digest: Digest) -> Manifest:
        """Read a manifest or an index, hashed again."""
        return _parse_manifest(self.blobs.read(digest), source=str(digest))

    def put(self, data: bytes, *, expected: Digest | None = None) -> Digest:
        """Store bytes held in memory; IntegrityError when they are not the expected ones."""
        return self.blobs.put(data, expected=expected)

    def receive(
        self, descriptor: Descriptor, *, also_sha512: bool = False
    ) -> AbstractContextManager[Reception]:
        """Receive a blob, going on where an earlier run was cut off: see `Blobs.receive`."""
        return self.blobs.receive(descriptor, also_sha512=also_sha512)

    def receive_asset(self, sha512: Digest, *, max_bytes: int) -> AbstractContextManager[Reception]:
        """Receive what only its sha512 is known of: see `Blobs.receive_asset`."""
        return self.blobs.receive_asset(sha512, max_bytes=max_bytes)

    def receive_new(self, *, max_bytes: int) -> AbstractContextManager[Reception]:
        """Receive what no digest is known of: see `Blobs.receive_new`."""
        return self.blobs.receive_new(max_bytes=max_bytes)

    def filling(self) -> AbstractContextManager[None]:
        """Hold off `collect` and `retain`: for bringing what is named once all of it is there.

        Any number may do so at a time; PublishError when the store cannot be written to.
        """
        return filling(self.root)

    # Names

    def names(self) -> dict[str, Descriptor]:
        """Return the images by name (`registry/repository:tag` or `…@digest`), sorted."""
        return {
            entry.name: entry.descriptor
            for entry in self.index.entries()
            if entry.name and entry.descriptor.artifact_type != BOOT_ASSET
        }

    def name(self, entries: Mapping[str, Descriptor]) -> None:
        """Name images, all or none; a name that is taken moves.

        Raises:
            PublishError: Something that an image needs is not in the store.
            IntegrityError: A manifest has changed, or a blob has the wrong size.
        """
        self.index.add(
            [Entry(name=name, descriptor=descriptor) for name, descriptor in entries.items()],
            check=self._check_complete,
        )

    def forget(self, names: Iterable[str]) -> None:
        """Remove names of images or keys of assets; bytes stay until `collect`."""
        self.index.remove(names)

    def assets(self) -> dict[str, StoredAsset]:
        """Return the boot assets by key (`v1.11.5/vmlinuz-amd64`), sorted."""
        return {
            entry.name: parse_artifact(read_manifest(self.blobs, entry.descriptor))
            for entry in self.index.entries()
            if entry.name and entry.descriptor.artifact_type == BOOT_ASSET
        }

    def add_asset(self, key: str, asset: StoredAsset) -> None:
        """Name a boot asset whose blob is in the store.

        Raises:
            PublishError: The blob is absent, or the key cannot be a path.
            IntegrityError: The blob has another size.
        """
        check_key(key)
        self.blobs.put(EMPTY_CONFIG)
        raw = build_artifact(key, asset)
        descriptor = Descriptor(
            media_type=OCI_MANIFEST,
            digest=self.blobs.put(raw),
            size=len(raw),
            artifact_type=BOOT_ASSET,
        )
        self.index.add([Entry(name=key, descriptor=descriptor)], check=self._check_complete)

    # The whole

    def reachable(self, digest: Digest) -> Iterator[Descriptor]:
        """Yield a manifest or index and all below it, parents first, each digest once.

        Raises:
            PublishError: Something is not in the store.
            IntegrityError: A manifest has changed, or a blob has the wrong size.
        """
        return walk(self.blobs, [self.manifest(digest).descriptor])

    def verify(self, *, report: Callable[[Checked], None] | None = None) -> tuple[Damage, ...]:
        """Hash everything that is named again; assets by sha512 too."""
        return verify_blobs(self.blobs, self.index.entries(), report)

    def orphans(self) -> tuple[Digest, ...]:
        """Return the blobs that no name reaches; IntegrityError when a manifest is bad."""
        return find_orphans(self.blobs, self._roots())

    def inventory(self) -> Inventory:
        """List the names with their sizes and what they share; IntegrityError: a bad index.json."""
        partial_bytes = measure_kept(self.root / PARTIAL)
        return take_inventory(self.blobs, self.index.entries(), partial_bytes=partial_bytes)

    def collect(self, keep: Collection[Digest] = (), *, dry_run: bool = False) -> Collected:
        """Remove the blobs that neither a name nor `keep` (and what it reaches) needs.

        Half-received blobs that nobody works on go, too.

        Raises:
            IntegrityError: A manifest is bad, so that what it needs is unknown; nothing is removed.
            PublishError: Somebody is `filling` the store at the moment; nothing is removed.
        """
        with self._alone(dry_run=dry_run):
            return self._collect(self.index.entries, keep, dry_run=dry_run)

    def retain(self, keep: Collection[Digest], *, dry_run: bool = False) -> Collected:
        """Forget every name whose image or asset is not in `keep`; then collect.

        Args:
            keep: The digests of images (their index or manifest) and boot assets (their sha256).
            dry_run: Only tell.

        Raises:
            IntegrityError: A manifest is bad, so that what it needs is unknown; no blob is removed.
            PublishError: Somebody is `filling` the store at the moment; nothing is removed.
        """
        with self._alone(dry_run=dry_run):
            return self._retain(keep, dry_run=dry_run)

    def _alone(self, *, dry_run: bool) -> AbstractContextManager[None]:
        return nullcontext() if dry_run else collecting(self.root)

    def _retain(self, keep: Collection[Digest], *, dry_run: bool) -> Collected:
        kept = frozenset(keep)
        gone = tuple(entry.name for entry in self._named() if self._content(entry) not in kept)
        if not dry_run:
            self.forget(gone)

        def entries() -> Iterable[Entry]:
            left = self.index.entries()
            return (entry for entry in left if entry.name not in gone) if dry_run else left

        return replace(self._collect(entries, kept, dry_run=dry_run), forgotten=gone)

    def _collect(
        self, entries: Callable[[], Iterable[Entry]], keep: Collection[Digest], *, dry_run: bool
    ) -> Collected:
        with locked(self.root):
            sweep(self.root / PARTIAL)
            roots = [entry.descriptor for entry in entries()]
            collected = collect_blobs(self.blobs, roots, keep, dry_run=dry_run)
            freed = remove_stale(self.blobs.disk, self.root / PARTIAL, dry_run=dry_run)
            return replace(collected, partial_bytes=freed)

    def _named(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.index.entries() if entry.name)

    def _content(self, entry: Entry) -> Digest:
        """Return the digest that a lock knows an entry by."""
        if entry.descriptor.artifact_type != BOOT_ASSET:
            return entry.descriptor.digest
        return parse_artifact(read_manifest(self.blobs, entry.descriptor)).sha256

    def _roots(self) -> list[Descriptor]:
        return [entry.descriptor for entry in self.index.entries()]

    def _check_complete(self, entry: Entry) -> None:
        for _ in walk(self.blobs, [entry.descriptor]):
            pass
