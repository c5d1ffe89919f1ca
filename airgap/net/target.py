"""What takes a body's bytes: in order, or by their offset."""

from __future__ import annotations

from typing import Protocol, cast

__all__ = ["Nowhere", "Sink", "Target", "as_target"]


class Sink(Protocol):
    """What takes bytes in order."""

    def write(self, data: memoryview, /) -> object:
        """Take some bytes; they are only valid during the call."""

    def restart(self) -> None:
        """Forget what came: it begins again."""


class Target(Protocol):
    """What takes bytes by their offset, and may hold some from before (`store.Reception`)."""

    @property
    def validator(self) -> str:
        """The strong ETag that came with the bytes already there; "" when none did."""

    def missing(self) -> tuple[tuple[int, int], ...]:
        """Return the half-open ranges still to come; an end of -1 is unknown."""

    def write(self, offset: int, data: memoryview, /) -> None:
        """Take some bytes; they are only valid during the call. Thread-safe."""

    def note(self, *, validator: str) -> None:
        """Keep the strong ETag that the bytes come with."""

    def restart(self) -> None:
        """Forget what came: it begins again."""


def as_target(into: Target | Sink, size: int | None) -> Target:
    """Return a target for what may be a plain sink; `size` is None when nobody knows it."""
    if hasattr(into, "missing"):
        return cast("Target", into)
    return _InOrder(into, size)


class Nowhere:
    """A sink for a download that somebody else reads (`Download.open_at`)."""

    def write(self, _data: memoryview) -> None:
        """Drop them."""

    def restart(self) -> None:
        """There is nothing to forget."""


class _InOrder:
    """A target that hands everything on to a sink, in order."""

    validator = ""

    def __init__(self, sink: Sink, size: int | None) -> None:
        self._sink = sink
        self._end = -1 if size is None else size

    def missing(self) -> tuple[tuple[int, int], ...]:
        return ((0, self._end),) if self._end else ()

    def write(self, _offset: int, data: memoryview) -> None:
        self._sink.write(data)

    def note(self, *, validator: str) -> None:
        """Nothing is kept."""

    def restart(self) -> None:
        self._sink.restart()
