"""`retention`: what a running node still names is kept.

Edits of Environments and ServerClasses reach newly provisioned machines only: what runs names what
an earlier lock had, until somebody upgrades it.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import Values, part, text

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "retention"
SUMMARY = "Neither prune nor destroy removes what running nodes may still name."
REASON = (
    "A node that restarts pulls what its configuration names, which is what an earlier lock had: "
    "when that is gone from the site, it stays down, and the bytes are outside the gap."
)
REMEDY = "Keep two earlier locks or more (`retention.keepLocks`), and `onDelete: retain`."
_LEAST = 2
"""The lock that is being rolled out over its predecessor, and the one before: a node may have been
left out of one roll-out."""


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each setting by which a node can lose what it pulls."""
    retention = part(values, "retention")
    if kind == "Registry":
        kept = retention.get("keepLocks")
        if isinstance(kept, int | float) and kept < _LEAST:
            yield Violation(
                subject="retention.keepLocks",
                message=f"prune keeps the items of {kept:.0f} earlier locks: a node that was left "
                "out of one roll-out names older ones",
                remedy=f"keep {_LEAST} or more",
            )
    elif _loses_builds(kind, values):
        yield Violation(
            subject="retention.onDelete",
            message="destroy removes what the site's factory builds installers of, and running "
            "nodes pull theirs from it",
            remedy="use onDelete: retain, or installers that are carried (installer: mirrored)",
        )


def _loses_builds(kind: str, values: Values) -> bool:
    deletes = text(part(values, "retention"), "onDelete") == "delete"
    return kind == "ImageFactory" and deletes and text(values, "installer") == "builtOnSite"
