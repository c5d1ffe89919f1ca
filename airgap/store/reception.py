"""A blob on its way in: bytes by offset, from several streams, continued where a run was cut off.

Nothing that was received is believed: the whole is hashed before it is published. The prefix is
hashed as it comes, from the caller's buffer; what came out of order, or in an earlier run, is read
back. Bytes count for the next run once they are synced and noted (`airgap.store.journal`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from weakref import WeakSet

from airgap.errors import IntegrityError
from airgap.store.beside import Beside
from airgap.store.disk import Disk
from airgap.store.hashing import FileDigests
from airgap.store.landing import Landing, open_landing
from airgap.store.partial import refuse
from airgap.store.prefix import PrefixHash
from airgap.store.ranges import Range, Ranges
from airgap.store.syncer import Syncer

__all__ = ["CHUNK_BYTES", "NOTE_BYTES", "Reception", "receive"]

CHUNK_BYTES = 4 * 1024**2
"""Synced at a time: a power cut loses about this much. Smaller blobs are not worth a journal."""
NOTE_BYTES = 1024**2
"""Noted as written at a time: a kill loses at most this much, and each stream's last write."""


class _Company:
    """Who computes sha512 now: with a core to spare that is a thread's work, else the stream's.

    Measured: one stream ends a sixth sooner with a thread beside it, four streams on two cores a
    fifth later.
    """

    def __init__(self) -> None:
        self._present: WeakSet[Reception] = WeakSet()

    @property
    def is_large(self) -> bool:
        """Whether every core has a stream of its own."""
        return len(self._present) >= (os.cpu_count() or 1)

    def join(self, reception: Reception) -> None:
        self._present.add(reception)

    def leave(self, reception: Reception) -> None:
        self._present.discard(reception)


class Reception:
    """Takes a blob's bytes. Thread-safe: several writers may each have their own ranges.

    `size` is -1 where unknown. `resumed_bytes` is what an earlier run had synced, `validator` the
    strong ETag it had noted.
    """

    def __init__(
        self, landing: Landing, *, size: int, max_bytes: int, also_sha512: bool = False
    ) -> None:
        self.size = size
        self.resumed_bytes = landing.resumed.count
        self.validator = landing.validator
        self._landing = landing
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._claimed = Ranges(landing.resumed)
        self._written = Ranges(landing.resumed)
        self._unnoted = Ranges()
        self._unsynced = 0
        self._sha256 = PrefixHash(landing, "sha256")
        self._sha512 = PrefixHash(landing, "sha512") if also_sha512 else None
        self._follower = Beside("airgap-sha512", self._follow)
        self._company = _COMPANY if also_sha512 else _Company()
        self._company.join(self)
        self._syncer = Syncer(landing, self._snapshot)

    @property
    def received_bytes(self) -> int:
        """How many bytes are there, those of earlier runs included."""
        with self._lock:
            return self._written.count

    def missing(self) -> tuple[Range, ...]:
        """Return the half-open ranges still to come, in order; `((have, -1),)` where unknown."""
        with self._lock:
            if self.size < 0:
                return ((self._written.prefix, -1),)
            return self._written.missing(0, self.size)

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Take bytes at an offset; the buffer may be reused afterwards.

        Bytes that are there already stay as they are.

        Raises:
            IntegrityError: They lie beyond the blob's size, or the most it may have.
            PublishError: The disk refuses.
        """
        view = memoryview(data)
        end = offset + len(view)
        if end > self._max_bytes:
            raise IntegrityError(f"more than the {self._max_bytes} bytes the blob may have")
        with self._refusals():
            self._syncer.check()
        mine = self._claim(offset, end)
        for start, stop in mine:
            self._put(start, view[start - offset : stop - offset])
        self._hash_on(offset if mine == ((offset, end),) else -1, view)

    def note(self, *, validator: str) -> None:
        """Keep the strong ETag of the bytes that come, for the next run."""
        self.validator = validator
        if self._landing.journal is not None:
            with self._refusals():
                self._landing.journal.note_validator(validator)

    def restart(self) -> None:
        """Drop all bytes: they are of another content. No writer may be at work."""
        with self._refusals():
            self._syncer.restart(self._forget)

    @property
    def digests(self) -> FileDigests:
        """Size and digests of the bytes from the first up to the first gap."""
        end = self._prefix()
        with self._refusals():
            for prefix in (self._sha256, self._sha512):
                if prefix is not None:
                    prefix.read_to(end)
        return FileDigests(
            sha256=self._sha256.digest(),
            sha512=self._sha512.digest() if self._sha512 is not None else None,
            size=end,
        )

    def publish(self, accept: Callable[[FileDigests], Path]) -> None:
        """Hash what is not hashed yet, and make the blob visible where `accept` says."""
        if self._unsynced:
            self._syncer.wake()  # the disk is at it while the rest is hashed
        gaps = self._gaps()
        if gaps:
            raise IntegrityError(f"{gaps} of {self.size} bytes have not come")
        found = self.digests
        destination = accept(found)
        self._stop()
        with self._refusals():
            self._syncer.check()
            try:
                self._landing.publish(destination, found.size)
            except OSError as error:
                self._syncer.fail(error)
                raise

    def keep(self) -> None:
        """Have all that came counted for the next run; a reception without bytes leaves none."""
        self._stop()
        self._syncer.sync()
        if not self.received_bytes:
            with suppress(OSError):  # the error that ended the reception is the one to tell
                self._landing.discard()

    def discard(self) -> None:
        """Remove the bytes, and what is known of them."""
        self._stop()
        with self._refusals():
            self._landing.discard()

    def _gaps(self) -> int:
        with self._lock:
            end = self._written.end if self.size < 0 else self.size
            return end - self._written.count

    def _claim(self, start: int, end: int) -> tuple[Range, ...]:
        """Return what of a range nobody has brought yet: it is the caller's now."""
        with self._lock:
            mine = self._claimed.missing(start, end)
            self._claimed.add(start, end)
        return mine

    def _put(self, offset: int, view: memoryview) -> None:
        with self._refusals():
            self._landing.disk.write(self._landing.descriptor, view, offset)
        with self._lock:
            self._written.add(offset, offset + len(view))
            if self._landing.journal is None:
                return
            self._unnoted.add(offset, offset + len(view))
            self._unsynced += len(view)
            if self._unnoted.count < NOTE_BYTES:
                return
            noted, self._unnoted = self._unnoted, Ranges()
            full = self._unsynced >= CHUNK_BYTES
            self._unsynced = 0 if full else self._unsynced
        with self._refusals():
            self._landing.journal.note_written(noted)
        if full:
            self._syncer.wake()

    def _hash_on(self, offset: int, view: memoryview) -> None:
        with self._refusals():
            self._sha256.advance(offset, view, self._prefix())
            if self._sha512 is not None and self._company.is_large:
                self._sha512.advance(offset, view, self._prefix())
        is_small = 0 <= self.size <= CHUNK_BYTES
        if self._sha512 is not None and not is_small and not self._company.is_large:
            self._follower.wake()

    def _follow(self) -> None:
        """Bring sha512 up to what has come; who asks for the digests meets what fails here."""
        with suppress(OSError):
            if self._sha512 is not None:
                self._sha512.read_to(self._prefix())

    def _stop(self) -> None:
        self._company.leave(self)
        self._follower.stop()
        self._syncer.stop()

    def _prefix(self) -> int:
        with self._lock:
            return self._written.prefix

    def _snapshot(self) -> tuple[Range, ...]:
        with self._lock:
            return tuple(self._written)

    def _forget(self) -> None:
        with self._lock:
            self._claimed, self._written = Ranges(), Ranges()
            self._sha256 = PrefixHash(self._landing, "sha256")
            if self._sha512 is not None:
                self._sha512 = PrefixHash(self._landing, "sha512")
            self._unnoted, self._unsynced = Ranges(), 0
            self.resumed_bytes, self.validator = 0, ""

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise refuse(self._landing.path, error) from error


_COMPANY = _Company()


@contextmanager
def receive(
    disk: Disk,
    directory: Path,
    *,
    key: str | None,
    size: int,
    max_bytes: int,
    also_sha512: bool,
    accept: Callable[[FileDigests], Path],
) -> Iterator[Reception]:
    """Receive a blob; leaving the block without an error verifies and publishes it.

    An IntegrityError removes the bytes: they are bad. Any other error keeps them for the next run,
    which knows them by their key.

    Args:
        disk: The system calls.
        directory: Where partial files lie.
        key: The digest that is expected, as `<algorithm>-<hex>`; None where nobody knows one.
        size: The size that is expected; -1 where unknown.
        max_bytes: More is refused.
        also_sha512: Compute sha512, too.
        accept: Returns where the blob belongs, by its digests; or raises IntegrityError.
    """
    lasting = key if size < 0 or size > CHUNK_BYTES else None  # a small one is not worth it
    with _opened(disk, directory, lasting, size) as landing:
        reception = Reception(landing, size=size, max_bytes=max_bytes, also_sha512=also_sha512)
        try:
            yield reception
            reception.publish(accept)
        except IntegrityError:
            reception.discard()
            raise
        except BaseException:
            reception.keep()
            raise


@contextmanager
def _opened(disk: Disk, directory: Path, key: str | None, size: int) -> Iterator[Landing]:
    """Open a landing, with the room for all the bytes."""
    with ExitStack() as stack:
        try:
            landing = stack.enter_context(open_landing(disk, directory, key=key, size=size))
            if size > CHUNK_BYTES:
                landing.reserve(size)
        except OSError as error:
            raise refuse(directory, error) from error
        yield landing
