"""What a name in the store reaches: the manifest or index, and all manifests and blobs below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airgap.errors import IntegrityError
from airgap.oci.manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    MAX_MANIFEST_BYTES,
    Descriptor,
    Manifest,
    parse_manifest,
)
from airgap.store.blobs import Blobs

__all__ = ["is_manifest", "read_manifest", "walk"]


def is_manifest(descriptor: Descriptor) -> bool:
    """Tell whether a descriptor is of a manifest or an index, by its media type."""
    return descriptor.media_type in (*INDEX_TYPES, *MANIFEST_TYPES)


def read_manifest(blobs: Blobs, descriptor: Descriptor) -> Manifest:
    """Read a manifest, hashed again.

    Raises:
        PublishError: It is not in the store.
        IntegrityError: It has changed on disk, or does not parse.
    """
    raw = blobs.read(descriptor.digest, max_bytes=MAX_MANIFEST_BYTES)
    return parse_manifest(raw, media_type=descriptor.media_type, source=str(descriptor.digest))


def walk(blobs: Blobs, roots: Iterable[Descriptor]) -> Iterator[Descriptor]:
    """Yield the roots and everything below, parents first, each digest once, sizes checked.

    A manifest's `subject` lies above it, not below.

    Raises:
        PublishError: Something is not in the store.
        IntegrityError: A manifest has changed, or a blob has another size than its descriptor says.
    """
    seen = set()
    pending = list(roots)[::-1]
    while pending:
        descriptor = pending.pop()
        if descriptor.digest in seen:
            continue
        seen.add(descriptor.digest)
        _check_size(blobs, descriptor)
        yield descriptor
        if is_manifest(descriptor):
            manifest = read_manifest(blobs, descriptor)
            pending.extend((*manifest.children, *manifest.blobs)[::-1])


def _check_size(blobs: Blobs, descriptor: Descriptor) -> None:
    size = blobs.size(descriptor.digest)
    if size != descriptor.size:
        raise IntegrityError(f"{descriptor.digest}: {size} bytes on disk, not {descriptor.size}")
