"""What is found in a manifest, and where it stands: values that every finder gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

__all__ = [
    "Budget",
    "Finding",
    "Found",
    "Host",
    "Plain",
    "Problem",
    "Unseen",
    "at",
    "is_mapping",
    "mappings",
]

Plain = Mapping[str, object]
"""A mapping of a document, with text keys."""

_MAX_VISITS = 4_000_000
_MAX_DEPTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An image as it is written at a path of an object.

    Attributes:
        path: Such as `spec.template.spec.containers[0].image`.
        name: The text there.
        steps: What stands between the object and the path, such as an inline manifest's own object.
        field: The field that led there; nothing where the shape did.
    """

    path: str
    name: str
    steps: tuple[str, ...] = ()
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What keeps the images of a place from being known, and what its author can do."""

    path: str
    message: str
    hint: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A place whose images show when it runs only, such as a chart that a controller renders."""

    path: str
    message: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A `host[:port]` outside the cluster that a text names.

    Attributes:
        path: Where it stands.
        name: The host, in lower case.
        steps: As an image's.
        is_served: Whether the cluster itself answers it, such as by an Ingress.
    """

    path: str
    name: str
    steps: tuple[str, ...] = ()
    is_served: bool = False


Finding = Found | Host | Problem | Unseen


class Budget:
    """How much of a document is looked at: aliases can make a small text endless."""

    def __init__(self, visits: int = _MAX_VISITS) -> None:
        self._left = visits

    def spend(self, depth: int, parts: int = 0) -> bool:
        """Tell whether one more value, this deep and with so many parts, may be looked at."""
        self._left -= 1 + parts
        return self._left >= 0 and depth <= _MAX_DEPTH


def is_mapping(value: object) -> TypeGuard[Plain]:
    """Tell whether a value is a mapping."""
    return isinstance(value, Mapping)


def mappings(value: object) -> Iterator[tuple[int, Plain]]:
    """Yield the mappings of a list with their index; nothing where it is no list."""
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if is_mapping(item):
            yield index, item


def at(path: str, key: object) -> str:
    """Return the path of a key below a path."""
    text = str(key)
    if not text.replace("-", "").replace("_", "").isalnum():
        return f'{path}["{text}"]'
    return f"{path}.{text}" if path else text
