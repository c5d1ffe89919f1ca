"""Makes received bytes count while the stream goes on: data to the disk, then the note of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from airgap.store.beside import Beside
from airgap.store.landing import Landing
from airgap.store.ranges import Range, Ranges

__all__ = ["Syncer"]


class Syncer:
    """Syncs one reception, in a thread that starts with the first full chunk.

    A file system that failed once to write bytes back may call them written afterwards: after an
    error nothing more is noted.
    """

    def __init__(self, landing: Landing, written: Callable[[], tuple[Range, ...]]) -> None:
        self._landing = landing
        self._written = written
        self._synced = Ranges(landing.resumed)
        self._round = threading.Lock()
        self._thread = Beside("airgap-sync", self.sync)
        self._error: OSError | None = None

    def wake(self) -> None:
        """Have what was written so far synced, soon."""
        self._thread.wake()

    def stop(self) -> None:
        """End the thread, after the round it is in."""
        self._thread.stop()

    def sync(self) -> None:
        """Have what was written so far on the disk, and noted; an error is kept for `check`."""
        journal = self._landing.journal
        with self._round:
            if journal is None or self._error is not None:
                return
            ranges = self._written()
            new = [gap for start, end in ranges for gap in self._synced.missing(start, end)]
            if not new:
                return
            try:
                self._landing.disk.sync(self._landing.descriptor)
                journal.note_synced(new)
            except OSError as error:
                self.fail(error)
                return
            for start, end in new:
                self._synced.add(start, end)

    def check(self) -> None:
        """Raise the OSError that a sync met."""
        if self._error is not None:
            raise self._error

    def fail(self, error: OSError) -> None:
        """Have nothing count any more that is not synced yet."""
        self._error = error
        if self._landing.journal is not None:
            with suppress(OSError):
                self._landing.journal.distrust()

    def restart(self, forget: Callable[[], None]) -> None:
        """Void all notes, on the disk too, before `forget` lets other bytes come."""
        with self._round:
            if self._landing.journal is not None:
                self._landing.journal.begin()
            self._synced = Ranges()
            forget()
