"""`default-resolvers`: tells of machines that are told neither resolvers nor hosts.

Advisory: DHCP may name resolvers, and nothing of that is in a site's description.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import Values, part, texts

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "default-resolvers"
SUMMARY = "Machines are told the site's resolvers or hosts."
REASON = (
    "Without resolvers from DHCP, Talos asks 1.1.1.1 and 8.8.8.8: each name of the site takes "
    "their timeout before it fails, and the registry seems to be down."
)
REMEDY = "Give `nodes.nameservers`, or `nodes.extraHosts` where there is no DNS."


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a note when machines know no resolver."""
    nodes = part(values, "nodes")
    if kind != "SideroEnvironment" or not part(values, "serverClasses"):
        return
    if not texts(nodes, "nameservers") and not part(nodes, "extraHosts"):
        yield Violation(
            subject="nodes.nameservers",
            message="none given: unless DHCP names some, Talos asks 1.1.1.1 and 8.8.8.8",
            remedy="give the site's resolvers, or nodes.extraHosts where there is no DNS",
        )
