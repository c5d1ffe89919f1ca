"""Blobs by digest: nothing enters unverified, nothing is visible before complete and synced.

Safe for several threads and processes: a blob's name is its content, and a rename is atomic.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from airgap.digest import Digest, is_digest
from airgap.errors import IntegrityError, PublishError
from airgap.oci.manifest import MAX_MANIFEST_BYTES, Descriptor
from airgap.store.disk import Disk
from airgap.store.hashing import FileDigests, Hasher, hash_file
from airgap.store.layout import BLOBS, PARTIAL
from airgap.store.partial import PartialFile, partial_file, refuse
from airgap.store.reception import Reception, receive

__all__ = ["MAX_BLOB_BYTES", "Blobs"]

MAX_BLOB_BYTES = 64 * 1024**3
"""The bound where a peer does not say how long a blob is."""


class Blobs:
    """The `blobs/` directory of a store."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self.disk = disk or Disk()
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

    def check(self, digest: Digest) -> None:
        """Hash a blob again, however large it is.

        Raises:
            PublishError: It is not in the store.
            IntegrityError: Its bytes have changed on disk.
        """
        if not self.is_intact(digest):
            raise _altered(digest) if self.has(digest) else _missing(digest)

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

    def receive(
        self, descriptor: Descriptor, *, also_sha512: bool = False
    ) -> AbstractContextManager[Reception]:
        """Receive a blob; leaving the block without an error verifies and publishes it.

        An IntegrityError removes what came; any other error keeps it for the next run.

        Args:
            descriptor: What must come; a size of -1 is unknown, and bounded.
            also_sha512: Compute sha512 in the same pass (boot assets).

        Raises:
            IntegrityError: Size or digest differ; nothing stays on disk.
            PublishError: The disk refuses.
        """
        digest = descriptor.digest

        def accept(found: FileDigests) -> Path:
            _check(descriptor, found)
            return self.path(digest)

        return receive(
            self.disk,
            self._staging,
            key=f"{digest.algorithm}-{digest.hex}",
            size=descriptor.size,
            max_bytes=descriptor.size if descriptor.size >= 0 else MAX_BLOB_BYTES,
            also_sha512=also_sha512 or digest.algorithm == "sha512",
            accept=accept,
        )

    def receive_asset(self, sha512: Digest, *, max_bytes: int) -> AbstractContextManager[Reception]:
        """Receive what only its sha512 is known of; it is published under its sha256.

        Raises:
            IntegrityError: The sha512 differs, or more bytes come than may; nothing stays.
            PublishError: The disk refuses.
        """

        def accept(found: FileDigests) -> Path:
            if found.sha512 != sha512:
                raise IntegrityError(f"expected {sha512}, {found.size} bytes have {found.sha512}")
            return self.path(found.sha256)

        return receive(
            self.disk,
            self._staging,
            key=f"{sha512.algorithm}-{sha512.hex}",
            size=-1,
            max_bytes=max_bytes,
            also_sha512=True,
            accept=accept,
        )

    def receive_new(self, *, max_bytes: int) -> AbstractContextManager[Reception]:
        """Receive what no digest is known of; it is published under its sha256.

        Nothing is kept of one that was cut off: the next run could not tell what it is.

        Raises:
            IntegrityError: More bytes come than may; nothing stays.
            PublishError: The disk refuses.
        """
        return receive(
            self.disk,
            self._staging,
            key=None,
            size=-1,
            max_bytes=max_bytes,
            also_sha512=True,
            accept=lambda found: self.path(found.sha256),
        )

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
