"""Remove blobs that nothing names. Holds the store's lock, so that nothing is named meanwhile.

Below a manifest that cannot be read nothing is known, so then nothing is removed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from airgap.digest import Digest
from airgap.errors import IntegrityError
from airgap.oci.manifest import MAX_MANIFEST_BYTES, Descriptor, parse_manifest
from airgap.store.blobs import Blobs
from airgap.store.walk import is_manifest, read_manifest

__all__ = ["Collected", "collect_blobs", "find_orphans"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What was removed (or would be), and how many bytes that frees in the store.

    A published hard link keeps its bytes on the disk. `forgotten` are names that nothing keeps any
    more, `partial_bytes` what half-received blobs took that nobody works on.
    """

    removed: tuple[Digest, ...]
    freed_bytes: int
    forgotten: tuple[str, ...] = ()
    partial_bytes: int = 0


def find_orphans(
    blobs: Blobs, roots: Iterable[Descriptor], keep: Collection[Digest] = ()
) -> tuple[Digest, ...]:
    """Return the blobs that neither the roots nor `keep` reach, in order.

    Raises:
        IntegrityError: A manifest that is needed to know this has changed on disk.
    """
    live = _live(blobs, [*roots, *_manifests(blobs, keep)]) | set(keep)
    return tuple(digest for digest in blobs.every() if digest not in live)


def collect_blobs(
    blobs: Blobs, roots: Iterable[Descriptor], keep: Collection[Digest], *, dry_run: bool
) -> Collected:
    """Remove the orphans; the caller holds the store's lock."""
    orphans = find_orphans(blobs, roots, keep)
    freed = sum(blobs.size(digest) for digest in orphans)
    if not dry_run:
        for digest in orphans:
            blobs.remove(digest)
    return Collected(removed=orphans, freed_bytes=freed)


def _live(blobs: Blobs, roots: list[Descriptor]) -> set[Digest]:
    """Follow what is there; a blob that is missing keeps nothing alive."""
    live: set[Digest] = set()
    while roots:
        descriptor = roots.pop()
        if descriptor.digest in live:
            continue
        live.add(descriptor.digest)
        if is_manifest(descriptor) and blobs.has(descriptor.digest):
            manifest = read_manifest(blobs, descriptor)
            roots.extend((*manifest.children, *manifest.blobs))
    return live


def _manifests(blobs: Blobs, digests: Iterable[Digest]) -> Iterator[Descriptor]:
    """Yield those digests that are of manifests; a lock names manifests and boot assets alike."""
    for digest in digests:
        if not blobs.has(digest) or blobs.size(digest) > MAX_MANIFEST_BYTES:
            continue
        raw = blobs.read(digest)
        try:
            yield parse_manifest(raw, source=str(digest)).descriptor
        except IntegrityError:
            continue  # intact, and no manifest: it reaches nothing
