"""What a store holds: each name with what it weighs and what it shares, and the bytes in all.

Reads manifests only, no blob. A name whose content is incomplete or altered is listed with that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from airgap.digest import Digest, sha256_of
from airgap.errors import IntegrityError, PublishError
from airgap.oci.manifest import INDEX_TYPES, Descriptor, Manifest
from airgap.store.assets import BOOT_ASSET, EMPTY_CONFIG
from airgap.store.blobs import Blobs
from airgap.store.index import Entry
from airgap.store.walk import is_manifest, read_manifest

__all__ = ["Inventory", "Listed", "take_inventory"]

_EMPTY = sha256_of(EMPTY_CONFIG)  # every artifact has it: that they share it says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One name and what it reaches.

    `size_bytes` counts each blob once; `own_bytes` what no other name reaches: it would be freed if
    this one went alone. `shares_with` are the names that have blobs in common with it. `fault` says
    what is wrong with it, "" when nothing is known to be.
    """

    name: str
    digest: Digest
    kind: Literal["image", "index", "asset"]
    platforms: tuple[str, ...]
    size_bytes: int
    own_bytes: int
    shares_with: tuple[str, ...]
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The names in order, and the bytes that they reach, that all blobs have, and that are partial.

    `partial_bytes` is what half-received blobs take on the disk.
    """

    items: tuple[Listed, ...]
    named_bytes: int
    blob_bytes: int
    partial_bytes: int

    @property
    def orphan_bytes(self) -> int:
        """Bytes of blobs that no name reaches: `collect` frees them."""
        return max(0, self.blob_bytes - self.named_bytes)


@dataclass(slots=True, kw_only=True)
class _Reached:
    """What one entry reaches: sizes of the blobs that are there, by digest."""

    sizes: dict[Digest, int] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()
    fault: str = ""


def take_inventory(blobs: Blobs, entries: Iterable[Entry], *, partial_bytes: int) -> Inventory:
    """List what the entries name."""
    reached = {entry: _reach(blobs, entry.descriptor) for entry in entries if entry.name}
    users = Counter(digest for found in reached.values() for digest in found.sizes)
    named = {digest: size for found in reached.values() for digest, size in found.sizes.items()}
    return Inventory(
        items=tuple(_list(entry, found, reached, users) for entry, found in reached.items()),
        named_bytes=sum(named.values()),
        blob_bytes=sum(blobs.size(digest) for digest in blobs.every()),
        partial_bytes=partial_bytes,
    )


def _list(
    entry: Entry, found: _Reached, reached: dict[Entry, _Reached], users: Counter[Digest]
) -> Listed:
    shared = {digest for digest in found.sizes if users[digest] > 1}
    telling = shared - {_EMPTY}
    return Listed(
        name=entry.name,
        digest=entry.descriptor.digest,
        kind=_kind(entry.descriptor),
        platforms=found.platforms,
        size_bytes=sum(found.sizes.values()),
        own_bytes=sum(size for digest, size in found.sizes.items() if digest not in shared),
        shares_with=tuple(
            other.name
            for other, theirs in reached.items()
            if other is not entry and not telling.isdisjoint(theirs.sizes)
        ),
        fault=found.fault,
    )


def _kind(descriptor: Descriptor) -> Literal["image", "index", "asset"]:
    if descriptor.artifact_type == BOOT_ASSET:
        return "asset"
    return "index" if descriptor.media_type in INDEX_TYPES else "image"


def _reach(blobs: Blobs, root: Descriptor) -> _Reached:
    """Follow what is there; the first fault is kept."""
    found = _Reached()
    pending, seen = [root], set[Digest]()
    while pending:
        descriptor = pending.pop()
        if descriptor.digest in seen:
            continue
        seen.add(descriptor.digest)
        try:
            found.sizes[descriptor.digest] = blobs.size(descriptor.digest)
            if is_manifest(descriptor):
                manifest = read_manifest(blobs, descriptor)
                if descriptor is root:
                    found.platforms = _platforms(manifest)
                pending.extend((*manifest.children, *manifest.blobs))
        except (PublishError, IntegrityError) as error:
            found.fault = found.fault or error.message
    return found


def _platforms(manifest: Manifest) -> tuple[str, ...]:
    known = {str(child.platform) for child in manifest.children if child.platform is not None}
    return tuple(sorted(known - {"unknown/unknown"}))
