"""`stock-fields`: nothing that only the plan document's fork of Sidero has reaches a stock CRD.

Stock CRDs are structural: the API server drops unknown fields without a word (siderolabs/sidero
v0.6.13 has neither `spec.airGap` nor `spec.bootAsset`).
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import Values, entries, text

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "stock-fields"
SUMMARY = "Fields of the fork are given to no stock CRD."
REASON = (
    "The API server drops what it does not know and answers 200: mirrors, trust or the disk image "
    "are simply not there when a machine boots, and no object shows why."
)
REMEDY = "Use `sidero.flavour: airgap` with the fork, or leave the fields out."
_FORKED = ("airGap", "bootAsset")


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each field that would be dropped."""
    if kind == "SideroEnvironment" and text(values, "flavour") == "stock":
        for name, environment in entries(values, "environments"):
            yield from _dropped(name, environment)
        for name, server_class in entries(values, "serverClasses"):
            yield from _dropped(name, server_class)


def _dropped(name: str, item: Values) -> Iterator[Violation]:
    for field in _FORKED:
        if field in item:
            yield Violation(
                subject=name,
                message=f"{field} is a field of the fork: stock Sidero drops it without a word",
                remedy=REMEDY,
            )
