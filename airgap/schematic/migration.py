"""IDs that differ between releases of the factory, and why: told before anything happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airgap.errors import Fault
from airgap.schematic.canonical import plain_schematic, schematic_id, strings_of
from airgap.schematic.engine import GENERATIONS, Engine, engine_of
from airgap.schematic.model import Schematic
from airgap.schematic.refusal import check_schematic
from airgap.schematic.strings import quote_string

__all__ = ["IdChange", "Requoted", "changed_ids", "ids_by_generation", "requoted_strings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requoted:
    """A string that one engine writes differently from another: the cause of another ID."""

    path: str
    before: str
    after: str

    def __str__(self) -> str:
        """Return `path: "off" is written 'off'`."""
        return f"{self.path}: {_one_line(self.before)} is written {_one_line(self.after)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdChange:
    """A schematic whose ID, or fate, another release of the factory changes.

    Attributes:
        name: Whose it is, such as a server class.
        before: Its ID today.
        after: Its ID there.
        why: The strings that are written differently.
        refused: What that release does not take, with the fields' paths.
    """

    name: str
    before: str
    after: str
    why: tuple[Requoted, ...]
    refused: tuple[Fault, ...]


def changed_ids(
    schematics: Mapping[str, Schematic], *, present: str | None, target: str | None
) -> tuple[IdChange, ...]:
    """Return those schematics that have another ID at the target release, or are refused there.

    Args:
        schematics: By whose they are.
        present: The release whose IDs are in use; the newest known when None.
        target: The release to come; likewise.

    Raises:
        SiteError: One of them is no version.
    """
    changes = []
    for name, schematic in schematics.items():
        change = IdChange(
            name=name,
            before=schematic_id(schematic, factory=present),
            after=schematic_id(schematic, factory=target),
            why=requoted_strings(schematic, engine_of(present), engine_of(target)),
            refused=check_schematic(schematic, factory=target),
        )
        if change.before != change.after or change.refused:
            changes.append(change)
    return tuple(changes)


def ids_by_generation(schematic: Schematic) -> dict[str, str]:
    """Return the ID by generation of the factory (`v1.1 to v1.4`), from the oldest to the newest.

    They are the same for all but unusual schematics.
    """
    return {each.name: schematic_id(schematic, factory=each.last) for each in GENERATIONS}


def requoted_strings(schematic: Schematic, old: Engine, new: Engine) -> tuple[Requoted, ...]:
    """Return the strings of a schematic that two engines write differently, keys included."""
    found = []
    for path, text in strings_of(plain_schematic(schematic)):
        before = quote_string(text, engine=old, column=4)
        after = quote_string(text, engine=new, column=4)
        if before != after:
            found.append(Requoted(path=path, before=before, after=after))
    return tuple(found)


def _one_line(text: str) -> str:
    return text if "\n" not in text else repr(text)
