"""What long work tells: values, one type a kind of news."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Awaited", "Event", "Moved", "Outcome", "Planned", "Progress", "Report", "Summary"]

Outcome = Literal[
    "kept",
    "resolved",
    "present",
    "fetched",
    "uploaded",
    "mounted",
    "pushed",
    "published",
    "verified",
    "removed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """More is going to move, counted from here on: so many bytes."""

    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """Nothing of one item has come yet: somebody is at it.

    Attributes:
        item: As its `Event` will name it.
        what: What is being done with it, such as `being built by the factory`.
        seconds: How long it has been waited for.
    """

    item: str
    what: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Bytes of one item have moved, and more are to come.

    Attributes:
        item: As its `Event` will name it.
        done_bytes: So far, those of an earlier run included.
        size_bytes: Of the whole item; 0 when nobody knows.
    """

    item: str
    done_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One more item is done.

    Attributes:
        item: A reference, an asset's key, or a blob's digest.
        outcome: What was done.
        size: Bytes that this moved (or hashed); 0 when none had to.
        done: Items done so far, this one included.
        total: Items of this step, as far as they are known.
    """

    item: str
    outcome: Outcome
    size: int = 0
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a whole run did.

    Attributes:
        moved_bytes: Bytes that went over the wire for content, repeated ones included.
        skipped: Items that were there already.
        mounted: Blobs that the registry took from another of its repositories.
        retried: Requests that were repeated.
        seconds: How long it took.
        resumed_bytes: Bytes of an earlier run that did not have to move again.
    """

    moved_bytes: int
    skipped: int
    mounted: int
    retried: int
    seconds: float
    resumed_bytes: int = 0

    def joined(self, other: Summary) -> Summary:
        """Return both steps of one run as one; `retried` is counted over the run already."""
        return Summary(
            moved_bytes=self.moved_bytes + other.moved_bytes,
            skipped=self.skipped + other.skipped,
            mounted=self.mounted + other.mounted,
            retried=max(self.retried, other.retried),
            seconds=self.seconds + other.seconds,
            resumed_bytes=self.resumed_bytes + other.resumed_bytes,
        )


Report = Planned | Awaited | Moved | Event | Summary
Progress = Callable[[Report], None]
