"""What this release of the program knows: the tables that a site is judged by."""

from __future__ import annotations

from airgap.rules import RULES
from airgap.site.check import Known
from airgap.talos.config import SIDERO_MACHINERY
from airgap.talos.releases import RELEASES

__all__ = ["known_here"]


def known_here() -> Known:
    """Return the Talos and Sidero releases and the policy rules of this program."""
    return Known(
        talos=RELEASES,
        sidero=SIDERO_MACHINERY,
        rules=tuple(sorted(rule.name for rule in RULES)),
        lasting_rules=tuple(rule.name for rule in RULES if rule.is_lasting),
    )
