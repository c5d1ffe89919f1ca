"""`node-credentials`: tells who can read registry credentials that nodes are given."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import Values

__all__ = ["NAME", "SUMMARY", "check"]

NAME = "node-credentials"
SUMMARY = "Registry credentials in a machine configuration are readable by many."


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a note when nodes get registry credentials by their machine configuration."""
    if kind == "Registry" and values.get("nodeAuth") == "machineConfig":
        yield Violation(
            subject="registry.nodeAuth",
            message="registry credentials stand in the machine configuration: whoever may read "
            "ServerClass objects, Sidero's /configdata (it asks for no password) or a node's "
            "configuration can read them",
            remedy="allow anonymous pulls inside (nodeAuth: none), or use a pull-only account",
        )
