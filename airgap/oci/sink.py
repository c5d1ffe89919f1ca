"""A sink that hashes: for content that is read into memory, or only checked."""

from __future__ import annotations

import hashlib

from airgap.errors import IntegrityError
from airgap.oci.manifest import Descriptor

__all__ = ["Verifier"]


class Verifier:
    """Takes a blob's bytes and tells whether they are the ones described.

    Args:
        descriptor: What the bytes have to be.
        keep: Keep them in memory (`data`), instead of only counting and hashing.
    """

    def __init__(self, descriptor: Descriptor, *, keep: bool = False) -> None:
        self._descriptor = descriptor
        self._hash = hashlib.new(descriptor.digest.algorithm)
        self._keep = keep
        self._size = 0
        self.data = bytearray()

    def write(self, data: memoryview) -> None:
        """Take some bytes."""
        self._hash.update(data)
        self._size += len(data)
        if self._keep:
            self.data += data

    def restart(self) -> None:
        """Forget what came: it begins again."""
        self._hash = hashlib.new(self._descriptor.digest.algorithm)
        self._size = 0
        self.data.clear()

    def check(self, source: str) -> None:
        """Compare with the descriptor.

        Raises:
            IntegrityError: Size or digest differ.
        """
        wanted = self._descriptor
        if self._size != wanted.size or self._hash.hexdigest() != wanted.digest.hex:
            raise IntegrityError(
                f"{source}: {self._size} bytes with {wanted.digest.algorithm}:"
                f"{self._hash.hexdigest()}, expected {wanted.size} with {wanted.digest}"
            )
