"""Names against a catalogue: the exact one first, then an alias; else what may have been meant.

A schematic keeps the name that its author gave, and so its ID; an alias only finds the image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Literal, TypeVar

from airgap.errors import Fault, SiteError
from airgap.schematic import EXTENSION_ALIASES

__all__ = ["Kind", "aliases_of", "find_named", "unknown_name"]

T = TypeVar("T")
Kind = Literal["extension", "overlay"]
_PLACES: Mapping[Kind, str] = {"extension": "extensions", "overlay": "overlay.name"}


def find_named(kind: Kind, catalogue: Mapping[str, T], name: str) -> T | None:
    """Return what a name means in a release's catalogue; only extensions have aliases."""
    found = catalogue.get(name)
    if found is None and kind == "extension":
        return catalogue.get(EXTENSION_ALIASES.get(name, ""))
    return found


def aliases_of(name: str) -> tuple[str, ...]:
    """Return the earlier names of an extension."""
    return tuple(sorted(old for old, new in EXTENSION_ALIASES.items() if new == name))


def unknown_name(
    kind: Kind, name: str, known: Iterable[str], *, talos: str, classes: Iterable[str]
) -> SiteError:
    """Return the error for a name that a release does not have, a fault each server class.

    Args:
        kind: Of what.
        name: The name.
        known: Those that the release has.
        talos: The release.
        classes: The server classes that name it.
    """
    similar = _suggest(sorted(known), name)
    command = f"python -m airgap extensions {talos}{' --overlays' if kind == 'overlay' else ''}"
    hint = f"did you mean {' or '.join(similar)}?" if similar else f"listed by: {command}"
    faults = [
        Fault(
            path=f"serverClasses.{server_class}.{_PLACES[kind]}",
            message=f"Talos {talos} has no {kind} {name!r}",
            hint=hint,
        )
        for server_class in classes
    ]
    return SiteError(f"{kind}s of Talos {talos}", faults)


def _suggest(known: list[str], name: str) -> list[str]:
    """Return names that are spelt alike or share a word, the likeliest first."""
    ends = {_end(each): each for each in known}
    alike = [ends[end] for end in get_close_matches(_end(name), ends, n=3, cutoff=0.7)]
    words = {word for word in _words(name) if len(word) > 2}
    related = [each for each in known if words & set(_words(each))]
    return list(dict.fromkeys([*alike, *related]))[:12]


def _words(name: str) -> list[str]:
    return _end(name).replace("_", "-").split("-")


def _end(name: str) -> str:
    return name.rpartition("/")[2]
