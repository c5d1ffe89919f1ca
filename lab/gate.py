"""Builds that take as long as a test wants, and that happen once however many ask."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["BuildGate", "Flights"]


class BuildGate:
    """Lets builds through, or holds them until it is opened; safe to use from many threads.

    A test closes it, has something ask for an asset, waits until that build has begun, looks at
    what the one who asked does meanwhile, and opens the gate.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._is_open = True
        self._begun: list[str] = []

    def close(self) -> None:
        """Hold every build that begins from now on."""
        with self._condition:
            self._is_open = False

    def open(self) -> None:
        """Let all builds go on."""
        with self._condition:
            self._is_open = True
            self._condition.notify_all()

    def wait_for(self, name: str, *, timeout_s: float = 60) -> None:
        """Wait until a build whose key has `name` in it has begun; TimeoutError when none does."""
        with self._condition:
            found = self._condition.wait_for(
                lambda: any(name in key for key in self._begun), timeout_s
            )
        if not found:
            raise TimeoutError(f"no build of {name} began in {timeout_s} s: {self._begun}")

    def enter(self, key: str) -> None:
        """Begin a build: return when the gate is open."""
        with self._condition:
            self._begun.append(key)
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._is_open)


class Flights:
    """What was made, by key; who asks while it is being made waits for that one making."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._made: dict[str, bytes] = {}

    def get(self, key: str, make: Callable[[], bytes]) -> bytes:
        """Return what `make` makes; a failure is not remembered."""
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]

    def forget(self) -> None:
        """Forget everything made so far."""
        with self._guard:
            self._made.clear()
