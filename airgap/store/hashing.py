"""Digests of bytes and files in one pass, with a buffer big enough that Python is not the limit.

No decision about what a mismatch means; reads files, writes nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from airgap.digest import Algorithm, Digest

__all__ = ["BUFFER_BYTES", "FileDigests", "Hasher", "hash_file"]

BUFFER_BYTES = 1024 * 1024
"""hashlib releases the GIL above 2 KiB; throughput is flat from 1 MiB on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigests:
    """What a file holds; `sha512` is None unless it was asked for."""

    sha256: Digest
    sha512: Digest | None
    size: int


class Hasher:
    """Counts and hashes bytes: sha256 always, sha512 where a consumer wants it."""

    def __init__(self, *, also_sha512: bool = False) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._sha512 = hashlib.sha512() if also_sha512 else None

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._sha256.update(data)
        if self._sha512 is not None:
            self._sha512.update(data)
        self.size += len(data)

    def digests(self) -> FileDigests:
        """Return the digests of all bytes taken so far."""
        sha512 = None if self._sha512 is None else Digest("sha512", self._sha512.hexdigest())
        sha256 = Digest("sha256", self._sha256.hexdigest())
        return FileDigests(sha256=sha256, sha512=sha512, size=self.size)

    def digest(self, algorithm: Algorithm) -> Digest | None:
        """Return the digest by one algorithm, or None where it is not computed."""
        digests = self.digests()
        return digests.sha256 if algorithm == "sha256" else digests.sha512


def hash_file(path: Path, *, also_sha512: bool = False) -> FileDigests:
    """Read a file to its end and return its size and digests.

    Raises:
        OSError: The file cannot be read.
    """
    hasher = Hasher(also_sha512=also_sha512)
    buffer = memoryview(bytearray(BUFFER_BYTES))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            hasher.update(buffer[:count])
    return hasher.digests()
