"""Whose schematic ID an answer is: the releases of the factory that would give it.

Releases differ in how they quote a few strings (`airgap.schematic.engine`), and so in the ID.
"""

from __future__ import annotations

from airgap.errors import FactoryError, SiteError, redact
from airgap.schematic import Schematic, schematic_id

__all__ = ["OtherIdError", "other_id"]

_GENERATIONS = {
    "v0.8.4": "up to v0.8",
    "v0.9.0": "v0.9 to v1.0",
    "v1.1.0": "v1.1 to v1.4",
    "v1.5.0": "v1.5",
}
"""By the first release of each, as far as that matters for the ID."""


class OtherIdError(FactoryError):
    """The factory gives a schematic another ID than the one that was predicted."""


def other_id(
    url: str,
    schematic: Schematic,
    found: str,
    predicted: str,
    *,
    expected: str | None,
    release: str,
) -> OtherIdError:
    """Return the error for an ID that was not expected.

    Args:
        url: What was asked.
        schematic: What was registered.
        found: The ID answered.
        predicted: The ID expected.
        expected: The release whose IDs are expected; None for the newest.
        release: The factory's own, as far as it has said so.
    """
    says = f" (it says it is {release})" if release else ""
    return OtherIdError(
        f"{redact(url)}: the factory answered with schematic ID {found}, as "
        f"{_makers(schematic, found)}{says}, expected {predicted}, as "
        f"{_makers(schematic, predicted)} (as {expected or 'the newest known release'})",
        hint="set imageFactory.version to the factory's own version, then lock again",
    )


def _makers(schematic: Schematic, identity: str) -> str:
    """Return who gives a schematic an ID: `factories v0.9 to v1.0, v1.1 to v1.4 make it`."""
    known = [
        words
        for release, words in _GENERATIONS.items()
        if _identify(schematic, release) == identity
    ]
    return f"factories {', '.join(known)} make it" if known else "no release known here makes it"


def _identify(schematic: Schematic, release: str) -> str:
    try:
        return schematic_id(schematic, factory=release)
    except SiteError:  # a field that release does not know
        return ""
