"""One blob or boot asset on its way into the store: a job of a run, with its own sources.

What an earlier run brought is not asked for again. Bytes that turn out wrong after such a
continuation are fetched once more from the first byte: they may have been bad before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from airgap.digest import Digest
from airgap.errors import AirgapError, IntegrityError, PublishError
from airgap.net import Target
from airgap.oci.manifest import Descriptor
from airgap.progress import Meter, Progress
from airgap.store import Reception, Store
from airgap.transfer.beside import Moving

__all__ = ["Metered", "Opener", "Receiving"]

Opener = Callable[[Target], Moving]
"""Makes the transfer from one source into a target."""


class Receiving:
    """A job: content by digest, from the first source that gives it.

    Args:
        name: What failures and progress call it.
        descriptor: What must come.
        openers: The sources, in order.
        store: Where it goes.
        sha512: What it must have as well (boot assets).
        done: Called once it is in the store.
        is_there: It is in the store already: nothing is moved.
        progress: Told of the bytes.
        mismatch: What to do about bytes that are not those expected.
    """

    def __init__(
        self,
        name: str,
        descriptor: Descriptor,
        openers: Sequence[Opener],
        store: Store,
        *,
        done: Callable[[], None],
        sha512: Digest | None = None,
        is_there: bool = False,
        progress: Progress | None = None,
        mismatch: str = "",
    ) -> None:
        self.name = name
        self.size = 0 if is_there else descriptor.size
        self.resumed_bytes = 0
        self._moved: list[int] = []
        self._descriptor = descriptor
        self._openers = list(openers)
        self._store = store
        self._sha512 = sha512
        self._is_there = is_there
        self._done = done
        self._progress = progress
        self._mismatch = mismatch
        self._transfer: Moving | None = None
        self._lock = threading.Lock()

    @property
    def moved_bytes(self) -> int:
        """Bytes that came, repeated ones included."""
        return sum(self._moved)

    def run(self) -> None:
        """Receive it.

        Raises:
            AirgapError: No source gave it (the last one's error), or the disk refused.
        """
        if self._is_there:
            self._done()
            return
        failure: AirgapError = IntegrityError(f"{self.name}: there is nowhere to fetch it from")
        for opener in self._openers:
            try:
                self._receive(opener)
            except PublishError:
                raise  # the disk is full or read-only: another source does not help
            except AirgapError as error:
                failure = error
                if isinstance(error, IntegrityError) and self._mismatch:
                    failure.hint = self._mismatch
                continue
            self._done()
            return
        raise failure

    def help(self) -> bool:
        """Stream a part of it from another thread."""
        with self._lock:
            transfer = self._transfer
        return transfer.help() if transfer is not None else False

    def _receive(self, opener: Opener) -> None:
        try:
            resumed = self._receive_once(opener)
        except IntegrityError:
            if not self.resumed_bytes:
                raise
            self.resumed_bytes = 0
            resumed = self._receive_once(opener)
        self.resumed_bytes = resumed

    def _receive_once(self, opener: Opener) -> int:
        with self._store.receive(
            self._descriptor, also_sha512=self._sha512 is not None
        ) as reception:
            self.resumed_bytes = reception.resumed_bytes
            target = Metered(reception, self.name, self._progress)
            try:
                with self._shared(opener(target)) as transfer:
                    transfer.run()
            finally:
                self._moved.append(target.moved_bytes)
            found = reception.digests.sha512
            if self._sha512 is not None and found != self._sha512:
                raise IntegrityError(f"{self.name}: got {found}, expected {self._sha512}")
            return reception.resumed_bytes

    @contextmanager
    def _shared(self, transfer: Moving) -> Iterator[Moving]:
        with self._lock:
            self._transfer = transfer
        try:
            yield transfer
        finally:
            with self._lock:
                self._transfer = None


class Metered:
    """A reception whose bytes are told about."""

    def __init__(self, reception: Reception, name: str, progress: Progress | None) -> None:
        self._reception = reception
        self._lock = threading.Lock()
        self._meter = Meter(
            name, max(reception.size, 0), progress, done_bytes=reception.resumed_bytes
        )
        self.moved_bytes = 0

    @property
    def validator(self) -> str:
        return self._reception.validator

    def missing(self) -> tuple[tuple[int, int], ...]:
        return self._reception.missing()

    def write(self, offset: int, data: memoryview) -> None:
        self._reception.write(offset, data)
        self._meter.add(len(data))
        with self._lock:
            self.moved_bytes += len(data)

    def note(self, *, validator: str) -> None:
        self._reception.note(validator=validator)

    def restart(self) -> None:
        self._meter.add(-self._reception.received_bytes)
        self._reception.restart()
