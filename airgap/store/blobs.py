"""Blobs by digest: nothing enters unverified, nothing is visible before complete and synced.

Safe for several threads and processes: a blob's name is its content, and a rename is atomic.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airgap.digest import Digest, is_digest
from airgap.errors import IntegrityError, PublishError
from airgap.oci.manifest import MAX_MANIFEST_BYTES, Descriptor
from airgap.store.hashing import FileDigests, Hasher, hash_file
from airgap.store.layout import BLOBS, PARTIAL
from airgap.store.partial import PartialFile, partial_file, refuse

__all__ = ["MAX_BLOB_BYTES", "BlobWriter", "Blobs"]

MAX_BLOB_BYTES = 64 * 1024**3
"""The bound where a peer does not say how long a blob is."""


class BlobWriter:
    """Takes a blob's bytes in order; bounded, counted and hashed on the way to the disk.

    `size` is what has come so far: a client resumes there. One thread at a time.
    """

    def __init__(self, partial: PartialFile, *, max_bytes: int, also_sha512: bool) -> None:
        self._partial = partial
        self._max_bytes = max_bytes
        self._also_sha512 = also_sha512
        self._hasher = Hasher(also_sha512=also_sha512)

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._hasher.size

    @property
    def sha256(self) -> Digest:
        """The sha256 of the bytes written so far."""
        return self._hasher.digests().sha256

    @property
    def sha512(self) -> Digest | None:
        """The sha512 of the bytes written so far; None unless it was asked for."""
        return self._hasher.digests().sha512

    @property
    def digests(self) -> FileDigests:
        """All digests and the size of the bytes written so far."""
        return self._hasher.digests()

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes; the buffer may be reused afterwards.

        Raises:
            IntegrityError: More bytes than the blob may have.
            PublishError: The disk refuses them.
        """
        if self.size + len(data) > self._max_bytes:
            raise IntegrityError(f"more than the {self._max_bytes} bytes the blob may have")
        self._partial.write(data)
        self._hasher.update(data)

    def restart(self) -> None:
        """Drop what was written, for a peer that cannot continue in the middle."""
        self._partial.restart()
        self._hasher = Hasher(also_sha512=self._also_sha512)


class Blobs:
    """The `blobs/` directory of a store."""

    def __init__(self, root: Path) -> None:
        self._directory = root / BLOBS
        self._staging = root / PARTIAL

    def path(self, digest: Digest) -> Path:
        """Return where a blob lies, or would lie."""
        return self._directory / digest.algorithm / digest.hex

    def has(self, digest: Digest) -> bool:
        """Tell whether the blob is there; what is there was verified on entry."""
        return self.path(digest).is_file()

    def size(self, digest: Digest) -> int:
        """Return a blob's size on disk.

        Raises:
            PublishError: It is not in the store.
        """
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            raise _missing(digest) from None

    def read(self, digest: Digest, *, max_bytes: int = MAX_MANIFEST_BYTES) -> bytes:
        """Read a small blob into memory and hash it again.

        Raises:
            PublishError: It is not in the store.
            IntegrityError: It is larger than `max_bytes`, or its bytes have changed on disk.
        """
        try:
            with self.path(digest).open("rb") as file:
                data = file.read(max_bytes + 1)
        except FileNotFoundError:
            raise _missing(digest) from None
        if len(data) > max_bytes:
            raise IntegrityError(f"{digest}: more than {max_bytes} bytes")
        hasher = Hasher(also_sha512=digest.algorithm == "sha512")
        hasher.update(data)
        if hasher.digest(digest.algorithm) != digest:
            raise _altered(digest)
        return data

    def is_intact(self, digest: Digest) -> bool:
        """Hash a blob again; False when it is missing or its bytes have changed."""
        try:
            found = hash_file(self.path(digest), also_sha512=digest.algorithm == "sha512")
        except FileNotFoundError:
            return False
        return digest in (found.sha256, found.sha512)

    def put(self, data: bytes, *, expected: Digest | None = None) -> Digest:
        """Store bytes held in memory, unless they are there intact; return their digest.

        Raises:
            IntegrityError: They do not have the expected digest.
        """
        hasher = Hasher(also_sha512=expected is not None and expected.algorithm == "sha512")
        hasher.update(data)
        digest = expected or hasher.digests().sha256
        if hasher.digest(digest.algorithm) != digest:
            raise IntegrityError(f"expected {digest}, the bytes have {hasher.digests().sha256}")
        if not self.is_intact(digest):
            with partial_file(self._staging) as partial:
                partial.write(data)
                self._commit(partial, digest)
        return digest

    @contextmanager
    def writer(self, descriptor: Descriptor, *, also_sha512: bool = False) -> Iterator[BlobWriter]:
        """Receive a blob; leaving the block without an error verifies and publishes it.

        Args:
            descriptor: What must come; a size of -1 is unknown, and bounded.
            also_sha512: Compute sha512 in the same pass (boot assets).

        Raises:
            IntegrityError: Size or digest differ; nothing stays on disk.
            PublishError: The disk refuses.
        """
        max_bytes = descriptor.size if descriptor.size >= 0 else MAX_BLOB_BYTES
        wants_sha512 = also_sha512 or descriptor.digest.algorithm == "sha512"
        with partial_file(self._staging) as partial:
            writer = BlobWriter(partial, max_bytes=max_bytes, also_sha512=wants_sha512)
            yield writer
            _check(descriptor, writer.digests)
            self._commit(partial, descriptor.digest)

    @contextmanager
    def unverified_writer(self, max_bytes: int) -> Iterator[BlobWriter]:
        """Receive bytes nobody has named yet; they are published under their own sha256.

        For `lock`: the caller compares `writer.sha512` with what upstream says, and raises inside
        the block when it differs.
        """
        with partial_file(self._staging) as partial:
            writer = BlobWriter(partial, max_bytes=max_bytes, also_sha512=True)
            yield writer
            self._commit(partial, writer.sha256)

    def every(self) -> Iterator[Digest]:
        """Yield the digest of each blob, in order; files with other names are not ours."""
        for algorithm in ("sha256", "sha512"):
            directory = self._directory / algorithm
            if directory.is_dir():
                names = (f"{algorithm}:{path.name}" for path in sorted(directory.iterdir()))
                yield from (Digest.parse(name) for name in names if is_digest(name))

    def remove(self, digest: Digest) -> None:
        """Remove a blob; one that is not there is no error."""
        try:
            self.path(digest).unlink(missing_ok=True)
        except OSError as error:
            raise refuse(self.path(digest), error) from error

    def _commit(self, partial: PartialFile, digest: Digest) -> None:
        path = self.path(digest)
        path.parent.mkdir(exist_ok=True)
        partial.commit(path)


def _check(descriptor: Descriptor, found: FileDigests) -> None:
    digest = descriptor.digest
    if descriptor.size not in (-1, found.size):
        raise IntegrityError(f"{digest}: expected {descriptor.size} bytes, received {found.size}")
    if digest not in (found.sha256, found.sha512):
        raise IntegrityError(f"expected {digest}, the received bytes have {found.sha256}")


def _missing(digest: Digest) -> PublishError:
    return PublishError(
        f"{digest} is not in the store", hint="run `python -m airgap fetch <site>` outside"
    )


def _altered(digest: Digest) -> IntegrityError:
    return IntegrityError(
        f"{digest}: its bytes in the store have changed",
        hint="the store is damaged: run `python -m airgap fetch <site> --rehash` outside",
    )
