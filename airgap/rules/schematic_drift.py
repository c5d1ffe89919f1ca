"""`schematic-drift`: tells of server classes whose schematics differ where they hardly mean to.

An Image Factory knows a schematic by the hash of its text: another order is another ID, another
installer, another build.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from airgap.rules.findings import Violation
from airgap.rules.values import Values, entries, part, text, texts

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "schematic-drift"
SUMMARY = "Server classes of nearly the same content share one schematic."
REASON = (
    "Two classes that were meant to be alike and are not: one boots with an argument that the "
    "other lacks, each has an installer of its own to be built and carried, and whoever compares "
    "two machines at night sees two IDs."
)
REMEDY = "Write extensions and kernel arguments of both classes alike, in the same order."
_ALIKE = 0.75
"""How much of two classes' extensions is common to both, for them to be nearly the same."""


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a note for each pair of schematics that are nearly the same, once a pair of IDs."""
    if kind != "ImageFactory":
        return
    told: set[frozenset[str]] = set()
    for (one, first), (other, second) in combinations(entries(values, "schematics"), 2):
        pair = frozenset((text(first, "id"), text(second, "id")))
        difference = _difference(_content(first), _content(second)) if len(pair) > 1 else ""
        if difference and pair not in told:
            told.add(pair)
            yield Violation(
                subject=f"{one}, {other}",
                message=f"nearly the same schematic: {difference}",
                remedy=REMEDY,
                known_as=(one, other),
            )


def _content(item: Values) -> Values:
    return part(part(item, "schematic"), "customization")


def _difference(one: Values, other: Values) -> str:
    """Return what two schematics differ in when it is little; empty when it is nothing or much."""
    first, second = _extensions(one), _extensions(other)
    mine, theirs = texts(one, "extraKernelArgs"), texts(other, "extraKernelArgs")
    common, all_of_both = set(first) & set(second), set(first) | set(second)
    if not all_of_both or len(common) / len(all_of_both) < _ALIKE:
        return ""
    if common != all_of_both:
        return f"extensions {_listed(all_of_both - common)} of one of them alone"
    if set(mine) != set(theirs):
        return f"kernel arguments {_listed(set(mine) ^ set(theirs))} of one of them alone"
    same = first == second and mine == theirs
    return "" if same else "the same in another order"


def _extensions(content: Values) -> tuple[str, ...]:
    return texts(part(content, "systemExtensions"), "officialExtensions")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
