"""Answers that stay the same while a client lives: each is asked for once, by whoever is first."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Memory"]

T = TypeVar("T")


class Memory(Generic[T]):
    """Answers by key. Thread-safe: who asks while another one does waits for that answer."""

    def __init__(self) -> None:
        self._answers: dict[str, T] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def get(self, key: str, ask: Callable[[], T]) -> T:
        """Return the answer for a key; one that failed is asked for again."""
        with self._guard:
            lock = self._locks[key]
        with lock:
            if key not in self._answers:
                self._answers[key] = ask()
            return self._answers[key]

    def put(self, key: str, answer: T) -> None:
        """Keep a newer answer."""
        self._answers[key] = answer
