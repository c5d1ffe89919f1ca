"""The digest of a file's first bytes, while more of them come."""

from __future__ import annotations

import hashlib
import threading

from airgap.digest import Algorithm, Digest
from airgap.store.hashing import BUFFER_BYTES
from airgap.store.landing import Landing

__all__ = ["PrefixHash"]

_CATCH_UP = 4
"""How many bytes are read back, for one that came, until the hash has caught up."""


class PrefixHash:
    """One digest, from the first byte without a gap; `size` bytes so far. Thread-safe."""

    def __init__(self, landing: Landing, algorithm: Algorithm) -> None:
        self.size = 0
        self._landing = landing
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm)
        self._lock = threading.Lock()
        self._buffer: memoryview | None = None

    def advance(self, offset: int, view: memoryview, end: int) -> None:
        """Hash bytes as they come, if they are the next; else catch up a little by reading.

        Does not wait for another writer that is at it.

        Args:
            offset: Where the bytes lie; -1 when they are not to be used.
            view: The bytes, written already.
            end: How far the file has no gap.

        Raises:
            OSError: It cannot be read.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            if offset == self.size:
                self._hash.update(view)
                self.size += len(view)
                return
            end = min(end, self.size + _CATCH_UP * len(view))
            while self.size < end:
                self._read_part(end)
        finally:
            self._lock.release()

    def read_to(self, end: int) -> None:
        """Hash up to a byte, from the disk or more likely from the page cache.

        Raises:
            OSError: It cannot be read.
        """
        while self.size < end:
            with self._lock:
                self._read_part(end)

    def digest(self) -> Digest:
        """Return the digest of the first `size` bytes."""
        with self._lock:
            return Digest(self._algorithm, self._hash.hexdigest())

    def _read_part(self, end: int) -> None:
        if self._buffer is None:
            self._buffer = memoryview(bytearray(BUFFER_BYTES))
        part = self._buffer[: max(0, min(end - self.size, BUFFER_BYTES))]
        if not part:
            return  # another thread was faster
        count = self._landing.disk.read(self._landing.descriptor, part, self.size)
        if not count:
            raise OSError(f"ends at byte {self.size}, though more was written")
        self._hash.update(part[:count])
        self.size += count
