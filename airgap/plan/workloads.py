"""What a site's workloads name outside their cluster, for rules and reviewers."""

from __future__ import annotations

from airgap.plan.model import PlainValues
from airgap.site.model import Site

__all__ = ["plan_workloads"]

_MAX_HOSTS = 500
"""How many are listed: each is in the state, and in front of a reviewer."""


def plan_workloads(site: Site) -> PlainValues:
    """Return the hosts that manifests name, each with the place where it stands first.

    Nothing where they name none. Those beyond 500 are counted as `unlisted`.
    """
    hosts: dict[str, str] = {}
    for manifest in site.manifests:
        for host, place in manifest.hosts.items():
            hosts.setdefault(host, place)
    listed = dict(sorted(hosts.items())[:_MAX_HOSTS])
    left = len(hosts) - len(listed)
    return {"workloads": {"hosts": listed, **({"unlisted": left} if left else {})}} if hosts else {}
