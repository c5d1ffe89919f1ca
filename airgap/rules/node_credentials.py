"""`node-credentials`: tells who can read registry credentials that nodes are given."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import Values

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "node-credentials"
SUMMARY = "Registry credentials in a machine configuration are readable by many."
REASON = (
    "Sidero's /configdata asks for no password: whoever is in the boot network reads a "
    "machine's configuration, and the registry's password in it."
)
REMEDY = (
    "Allow anonymous pulls inside (`registry.nodeAuth: none`), or use an account that can only "
    "pull."
)


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
