"""Work that goes on beside a stream: syncing, and the digest that is slower than the network."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Beside"]


class Beside:
    """A thread that does one task each time it is woken, and not twice for wakes that come close.

    It starts with the first wake; `stop` joins it after the task it is at. Thread-safe.
    """

    def __init__(self, name: str, task: Callable[[], None]) -> None:
        self._name = name
        self._task = task
        self._starting = threading.Lock()
        self._wanted = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Have the task done, soon; does not wait."""
        with self._starting:
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        self._wanted.set()

    def stop(self) -> None:
        """Return when the thread has ended."""
        with self._starting:
            self._stopping = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            self._wanted.wait()
            self._wanted.clear()
            if not self._stopping:
                self._task()
