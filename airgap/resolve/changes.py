"""Schematic IDs that change though no schematic does: told before a lock is written.

Releases of the factory differ in how they quote a few strings, and so in the ID. Machines that are
installed keep asking for the ID they know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import ndiff

from airgap.lock import Lock, SchematicPin
from airgap.resolve.notes import Note
from airgap.schematic import parse_schematic

__all__ = ["changed_schematics"]


def changed_schematics(previous: Lock | None, lock: Lock) -> Iterator[Note]:
    """Yield a note for each server class whose schematic has another ID and the same contents."""
    before = _by_class(previous.schematics) if previous else {}
    for name, (identity, text) in sorted(_by_class(lock.schematics).items()):
        old_identity, old_text = before.get(name, (identity, text))
        if old_identity == identity or parse_schematic(old_text) != parse_schematic(text):
            continue
        yield Note(
            subject=f"server class {name}",
            message=f"its schematic is unchanged, but this release of the factory gives it ID "
            f"{identity} instead of {old_identity} ({_rewritten(old_text, text)}); machines that "
            "are installed keep the old one until they are upgraded: let the factory know both",
        )


def _by_class(schematics: Mapping[str, SchematicPin]) -> dict[str, tuple[str, str]]:
    return {
        name: (identity, pin.canonical)
        for identity, pin in schematics.items()
        for name in pin.classes
    }


def _rewritten(before: str, after: str) -> str:
    """Return the lines that differ: `enrollKeys: "off" is now enrollKeys: 'off'`."""
    lines = list(ndiff(before.splitlines(), after.splitlines()))
    old = [line[2:].strip() for line in lines if line.startswith("- ")]
    new = [line[2:].strip() for line in lines if line.startswith("+ ")]
    return f"{', '.join(old)} is now written {', '.join(new)}"
