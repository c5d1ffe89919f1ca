"""`closed-workloads`: no manifest of the site's workloads sends somebody outside.

Judged are the hosts that `airgap.workloads` reads of the site's `manifests`: of URLs in whatever
text, of ExternalName services and their like. Images are not: they are in the lock, and pulled
through mirrors. Nor is what the cluster itself answers.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import Values, is_allowed, part, text, texts, without_port

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "closed-workloads"
SUMMARY = "No manifest of a workload names a host outside the allow-list."
REASON = (
    "A chart that was written for a connected cluster asks a host outside when it runs: a webhook "
    "that times out stops every deployment, an issuer never gives a certificate, and where a way "
    "out is left open, data leaves by it."
)
REMEDY = (
    "Render it with a host of the site, or without what calls home; add the host to "
    "`policy.allowedHosts` if it is inside."
)


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each host outside."""
    if kind != "Site":
        return
    allowed = texts(part(values, "policy"), "allowedHosts")
    workloads = part(values, "workloads")
    hosts = part(workloads, "hosts")
    for host in hosts:
        if not is_allowed(host, allowed):
            yield Violation(
                subject=host,
                message=f"is named at {text(hosts, host)}, and is outside the allow-list",
                remedy=REMEDY,
                known_as=(without_port(host),),
            )
    unlisted = workloads.get("unlisted")
    if isinstance(unlisted, int | float) and unlisted:
        yield Violation(
            subject="workloads.hosts",
            message=f"{int(unlisted)} more hosts are named than are listed, and judged by nobody",
            remedy="leave manifests out that are data, such as lists of URLs",
        )
