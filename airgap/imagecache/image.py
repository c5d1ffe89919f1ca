"""A cache as an image in a registry: what `imager --image-cache <reference>` pulls.

Nothing is written to disk: the layer is made once to know its digest, and again while it is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from airgap.digest import Digest, sha256_of
from airgap.errors import PublishError
from airgap.imagecache.contents import Warn, build_tree, check_typed
from airgap.imagecache.tree import Tree
from airgap.imagecache.wrapper import Layer, Wrapper, measure_layer, packed_layer, wrap
from airgap.net import Body, StreamBody, Traffic
from airgap.net.body import BytesBody
from airgap.oci.client import RegistryClient
from airgap.oci.manifest import Descriptor, Manifest
from airgap.oci.sources import BlobSource
from airgap.plan.cache_content import CacheContent
from airgap.progress import Meter, Progress
from airgap.store import Store
from airgap.transfer.destination import ImageItem, RegistryDestination
from airgap.transfer.ledger import Ledger
from airgap.transfer.push import Pushed, push_sets

__all__ = ["cache_item", "push_cache"]


def cache_item(destination: RegistryDestination, place: str, digest: Digest) -> ImageItem:
    """Return a cache as an image of a registry's set.

    Args:
        destination: The registry.
        place: `repository:tag` in it, below its path prefix.
        digest: The manifest's.
    """
    repository, _, tag = place.rpartition(":")
    if destination.layout == "flat":  # which drops what stands first
        repository = f"{urlsplit(destination.endpoint).netloc}/{repository}"
    return ImageItem(name=repository, tag=tag, digest=digest)


def push_cache(
    store: Store,
    client: RegistryClient,
    destination: RegistryDestination,
    set_name: str,
    content: CacheContent,
    place: str,
    ledger: Ledger,
    *,
    talos: str = "",
    traffic: Traffic | None = None,
    progress: Progress | None = None,
    warn: Warn | None = None,
) -> Pushed:
    """Bring a cache into a registry as `repository:tag`; see `push_sets`.

    There is a registry, so manifests that Talos up to 1.12 cannot serve are told to `warn` only.

    Raises:
        PublishError: The store does not have all of it.
        IntegrityError: A blob of the store has other bytes than it should.
        TransferError: It could not be brought.
    """
    tree = build_tree(store, content)
    check_typed(tree, talos, typed_only=False, warn=warn)
    meter = Meter(f"{place} (its digest)", tree.size_bytes, progress)
    wrapper = wrap(measure_layer(tree, told=meter.add), content.outer_platform)
    item = cache_item(destination, place, wrapper.manifest.digest)
    return push_sets(
        _CacheImage(tree, wrapper),
        client,
        destination,
        {set_name: [item]},
        ledger,
        traffic=traffic,
        progress=progress,
    )


class _CacheImage:
    """What a push asks for: the one manifest, its config, its layer."""

    def __init__(self, tree: Tree, wrapper: Wrapper) -> None:
        self._tree = tree
        self._wrapper = wrapper

    def manifest(self, name: str, digest: Digest) -> Manifest:
        if digest != self._wrapper.manifest.digest:
            raise PublishError(f"{name}@{digest} is not this image cache")
        return self._wrapper.manifest

    def blob(self, _name: str, descriptor: Descriptor, meter: Meter) -> BlobSource:
        if descriptor.digest == sha256_of(self._wrapper.config):
            return _Config(self._wrapper.config)
        return _Made(self._tree, self._wrapper.layer, meter)

    def check_blob(self, _digest: Digest) -> None:
        """Find nothing: every blob of the store was hashed while the layer was made."""


class _Config:
    can_seek = True

    def __init__(self, data: bytes) -> None:
        self._data = data

    @contextmanager
    def body(self, offset: int) -> Iterator[Body]:
        yield BytesBody(self._data[offset:])


class _Made:
    """The layer, made while it is sent: every blob is hashed again before its last byte goes."""

    can_seek = True

    def __init__(self, tree: Tree, layer: Layer, meter: Meter) -> None:
        self._tree = tree
        self._layer = layer
        self._meter = meter

    @contextmanager
    def body(self, offset: int) -> Iterator[Body]:
        reader = _Reader(packed_layer(self._tree, self._layer), skip=offset)
        yield StreamBody(reader, self._layer.size - offset, told=self._meter.add)


class _Reader:
    """Reads what is made piece by piece, from a place on."""

    def __init__(self, pieces: Iterator[bytes | memoryview], *, skip: int) -> None:
        self._pieces = pieces
        self._skip = skip
        self._rest = memoryview(b"")

    def readinto(self, buffer: memoryview, /) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            dropped = min(self._skip, len(piece))
            self._skip -= dropped
            self._rest = memoryview(piece)[dropped:]
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
