"""The OCI wrapper: a tree as the one layer of an image, which is what Talos' imager reads.

siderolabs/talos pkg/imager/cache/cache.go at v1.9.6 to v1.13.9: an OCI image layout whose index
names one manifest with its platform (imager takes no other), with one layer, a gzip'd tar. Time and
gzip are the same each time, so that the digest says what is in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from airgap.digest import Digest, sha256_of
from airgap.imagecache.archive import END, archive_size, file_header, folder_header, pack, padding
from airgap.imagecache.lanes import feed
from airgap.imagecache.stored import (
    HEADER,
    Frame,
    checksum_of,
    cut_frames,
    stored_size,
    trailer,
)
from airgap.imagecache.tree import Tree
from airgap.oci.manifest import OCI_INDEX, OCI_MANIFEST, Manifest, parse_manifest

__all__ = [
    "Layer",
    "Wrapper",
    "measure_layer",
    "packed_layer",
    "unknown_layer",
    "wrap",
    "write_layer",
]

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_CREATED = "1970-01-01T00:00:00Z"
_MARKER = b'{"imageLayoutVersion":"1.0.0"}'
_BLOBS = "blobs/sha256"

Write = Callable[[memoryview], object]
Told = Callable[[int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """The layer's digest and size, that of the tar in it, and the end of its gzip."""

    digest: Digest
    size: int
    diff_id: Digest
    end: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """An image of one layer: its config and manifest, and the layout's small files by path."""

    layer: Layer
    config: bytes
    manifest: Manifest
    index: bytes

    def small_files(self) -> dict[str, bytes]:
        """Return all of the layout but the layer."""
        return {
            "oci-layout": _MARKER,
            "index.json": self.index,
            f"{_BLOBS}/{self.manifest.digest.hex}": self.manifest.raw,
            f"{_BLOBS}/{sha256_of(self.config).hex}": self.config,
        }

    @property
    def layer_path(self) -> str:
        """Where the layer is in the layout."""
        return f"{_BLOBS}/{self.layer.digest.hex}"

    def tar_head(self) -> bytes:
        """Return a tar of the layout, up to the layer's bytes: as long for any digests."""
        pieces = [
            piece
            for path, data in self.small_files().items()
            if not path.startswith(_BLOBS)
            for piece in (file_header(path, len(data)), data, padding(len(data)))
        ]
        pieces += [folder_header("blobs"), folder_header(_BLOBS)]
        for path, data in self.small_files().items():
            if path.startswith(_BLOBS):
                pieces += [file_header(path, len(data)), data, padding(len(data))]
        return b"".join((*pieces, file_header(self.layer_path, self.layer.size)))

    def tar_tail(self) -> bytes:
        """Return what comes behind the layer's bytes."""
        return padding(self.layer.size) + END


def wrap(layer: Layer, platform: str) -> Wrapper:
    """Return the image around a layer, for `os/architecture[/variant]`."""
    names = ("os", "architecture", "variant")
    described = dict(zip(names, platform.split("/"), strict=False))
    config = _encode(
        {
            **described,
            "created": _CREATED,
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id)]},
            "history": [{"created": _CREATED}],
        }
    )
    manifest = parse_manifest(
        _encode(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": _descriptor(_CONFIG, sha256_of(config), len(config)),
                "layers": [_descriptor(_LAYER, layer.digest, layer.size)],
            }
        )
    )
    entry = _descriptor(OCI_MANIFEST, manifest.digest, len(manifest.raw))
    index = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [{**entry, "platform": described}],
    }
    return Wrapper(layer=layer, config=config, manifest=manifest, index=_encode(index))


def write_layer(tree: Tree, write: Write, *, told: Told = lambda _: None) -> Layer:
    """Write the layer, hashing on the way: read, packed and written in three threads.

    Args:
        tree: What is in it.
        write: Takes the layer's bytes, in order.
        told: Hears how many bytes went.

    Raises:
        IntegrityError: A stored file has other bytes than it should.
        PublishError: The disk refuses.
    """
    size = archive_size(tree)
    inner, outer = hashlib.sha256(), hashlib.sha256()
    checksum = 0

    def hash_inner(frame: Frame) -> None:
        nonlocal checksum
        for payload in frame.payloads():
            inner.update(payload)
        checksum = checksum_of(frame, checksum)

    def put(data: memoryview) -> None:
        outer.update(data)
        write(data)
        told(len(data))

    put(memoryview(HEADER))
    feed(cut_frames(pack(tree), size), hash_inner, lambda frame: put(frame.written))
    end = trailer(checksum, size)
    put(memoryview(end))
    return Layer(
        digest=Digest("sha256", outer.hexdigest()),
        size=stored_size(size),
        diff_id=Digest("sha256", inner.hexdigest()),
        end=end,
    )


def unknown_layer(tree: Tree) -> Layer:
    """Return a layer of the right size whose digests nobody knows yet."""
    unknown = Digest("sha256", "0" * 64)
    size = stored_size(archive_size(tree))
    return Layer(digest=unknown, size=size, diff_id=unknown, end=b"")


def measure_layer(tree: Tree, *, told: Told = lambda _: None) -> Layer:
    """Return what the layer would be, writing nothing."""
    return write_layer(tree, lambda _: None, told=told)


def packed_layer(tree: Tree, layer: Layer) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a layer that was measured; each piece is a buffer of its own."""
    yield HEADER
    for frame in cut_frames(pack(tree), archive_size(tree)):
        yield frame.written
    yield layer.end


def _descriptor(media_type: str, digest: Digest, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(digest), "size": size}


def _encode(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
