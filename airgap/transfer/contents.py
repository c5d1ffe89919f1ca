"""Where the images of a push come from: the store, or (dual-homed machine) upstream itself.

From upstream nothing touches the disk: a blob's bytes are hashed while they pass on to the site's
registry, and the last of them are held back until the whole is known to be right.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Protocol

from airgap.digest import Digest
from airgap.errors import IntegrityError, PublishError, UpstreamError, redact
from airgap.lock.model import ImagePin
from airgap.net import Body, StreamBody
from airgap.net.failure import WIRE_ERRORS, unreachable
from airgap.net.wire import Exchange
from airgap.oci.manifest import Descriptor, Manifest, parse_manifest
from airgap.oci.sources import BlobSource, BytesSource, FileSource
from airgap.oci.subset import subset_index
from airgap.progress import Meter
from airgap.store import Store
from airgap.transfer.own import rebuild
from airgap.transfer.sources import ImageSource, Place

__all__ = ["Content", "StoreContent", "UpstreamContent"]


class Content(Protocol):
    """What holds the images of a push."""

    def manifest(self, name: str, digest: Digest) -> Manifest:
        """Return a manifest of `registry/repository`, verified."""

    def blob(self, name: str, descriptor: Descriptor, meter: Meter) -> BlobSource:
        """Return the bytes of a blob of `registry/repository`."""

    def check_blob(self, digest: Digest) -> None:
        """Look for the fault here, after the destination got other bytes than a blob's.

        Raises:
            IntegrityError: The blob is damaged here.
        """


class StoreContent:
    """What the store holds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def manifest(self, _name: str, digest: Digest) -> Manifest:
        """Return a manifest, hashed again; PublishError when it is not in the store."""
        return self._store.manifest(digest)

    def blob(self, _name: str, descriptor: Descriptor, meter: Meter) -> BlobSource:
        """Return a blob's file; PublishError when it is not in the store."""
        if not self._store.has(descriptor.digest):
            raise PublishError(
                f"{descriptor.digest} is not in the store",
                hint="run `python -m airgap fetch <site>` outside, and carry the store",
            )
        return FileSource(self._store.blob_path(descriptor.digest), told=meter.add)

    def check_blob(self, digest: Digest) -> None:
        """Hash the blob again."""
        self._store.check(digest)


class UpstreamContent:
    """What upstream registries hold, by a lock's pins. Thread-safe.

    Args:
        registries: Where images are read from.
        pins: The lock's images by key; those that carry some platforms only, and the site's own
            signatures, are made here.
    """

    def __init__(self, registries: ImageSource, pins: Mapping[str, ImagePin]) -> None:
        self._registries = registries
        self._subsets = {pin.digest: pin for pin in pins.values() if pin.whole}
        self._own = {pin.digest: key for key, pin in pins.items() if pin.signature}
        self._pins = pins
        self._made: dict[Digest, bytes] = {}
        self._known: dict[Digest, Manifest] = {}
        self._lock = threading.Lock()

    def manifest(self, name: str, digest: Digest) -> Manifest:
        """Return a manifest; each is asked for once."""
        with self._lock:
            known = self._known.get(digest)
        if known is None:
            known = self._read(self._locate(name), digest)
            with self._lock:
                self._known[digest] = known
        return known

    def blob(self, name: str, descriptor: Descriptor, meter: Meter) -> BlobSource:
        """Return a blob that is read while it is sent."""
        with self._lock:
            made = self._made.get(descriptor.digest)
        if made is not None:
            return BytesSource(made, told=meter.add)
        return _Passing(self._locate(name), descriptor, meter)

    def check_blob(self, _digest: Digest) -> None:
        """Find nothing: what was wrong was seen while it passed on."""

    def _locate(self, name: str) -> Place:
        host, _, repository = name.partition("/")
        return self._registries.locate(host, repository)

    def _read(self, place: Place, digest: Digest) -> Manifest:
        client, repository = place
        key = self._own.get(str(digest))
        if key is not None:
            own = rebuild(
                key, self._pins[key], lambda whole: client.manifest(repository, str(whole))
            )
            with self._lock:
                self._made.update(own.blobs)
            return own.manifest
        pin = self._subsets.get(str(digest))
        if pin is None or pin.whole is None:
            return client.manifest(repository, str(digest))
        whole = client.manifest(repository, pin.whole)
        made = parse_manifest(
            subset_index(whole.raw, list(pin.platforms)), media_type=whole.media_type
        )
        if made.digest != digest:
            raise IntegrityError(
                f"the platforms {', '.join(pin.platforms)} of {pin.whole} make {made.digest}, "
                f"the lock has {digest}"
            )
        return made


class _Passing:
    """A blob of another registry: read, hashed and passed on in one go."""

    def __init__(self, place: Place, descriptor: Descriptor, meter: Meter) -> None:
        self._client, self._repository = place
        self._descriptor = descriptor
        self._meter = meter
        self._hash = hashlib.new(descriptor.digest.algorithm)
        self._hashed = 0

    @property
    def can_seek(self) -> bool:
        """Whether the bytes before were hashed here, so that the whole can still be judged."""
        return self._hashed > 0

    @contextmanager
    def body(self, offset: int) -> Iterator[Body]:
        if offset > self._hashed or not offset:
            if offset:
                raise UpstreamError(f"{self._descriptor.digest}: has to be read from its beginning")
            self._hash, self._hashed = hashlib.new(self._descriptor.digest.algorithm), 0
        with closing(self._client.open_blob(self._repository, self._descriptor, offset)) as source:
            left = self._descriptor.size - offset
            yield StreamBody(_Hashing(self, source, offset), left, told=self._meter.add)

    def take(self, position: int, data: memoryview, source: str) -> None:
        """Hash bytes that were not hashed before; judge the whole with the last ones."""
        fresh = data[max(0, self._hashed - position) :]
        self._hash.update(fresh)
        self._hashed += len(fresh)
        wanted = self._descriptor.digest
        if self._hashed == self._descriptor.size and self._hash.hexdigest() != wanted.hex:
            raise IntegrityError(
                f"{source}: got {wanted.algorithm}:{self._hash.hexdigest()}, expected {wanted}"
            )

    @property
    def source(self) -> str:
        """Where the bytes come from, for errors."""
        return f"{redact(self._client.address.url)}/{self._repository}"


class _Hashing:
    """Reads an answer's body and has it hashed."""

    def __init__(self, blob: _Passing, exchange: Exchange, offset: int) -> None:
        self._blob = blob
        self._exchange = exchange
        self._position = offset

    def readinto(self, buffer: memoryview) -> int:
        try:
            count = self._exchange.readinto(buffer)
        except WIRE_ERRORS as error:
            raise unreachable(self._blob.source, error) from error
        if not count:
            raise UpstreamError(
                f"{self._blob.source}: the connection ended after {self._position} bytes",
                retryable=True,
            )
        self._blob.take(self._position, buffer[:count], self._blob.source)
        self._position += count
        return count
