"""What stands for upstream without TLS: for the rules, and nothing where there is none.

`lock` makes digests of tags there, and whoever answers on that wire says what they are. What is on
the machine that locks is on no wire.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from airgap.plan.model import PlainValues
from airgap.site.model import Site, UpstreamSource

__all__ = ["plan_upstream"]


def plan_upstream(site: Site) -> PlainValues:
    """Return `upstream` of the site: the URLs of its redirects that are not https."""
    upstream = site.upstream
    registries = {
        host: source.url
        for host, source in sorted(upstream.registries.items())
        if _is_in_clear(source)
    }
    single = {"releases": upstream.releases, "factory": upstream.factory}
    found: PlainValues = {
        **({"registries": registries} if registries else {}),
        **{key: source.url for key, source in single.items() if source and _is_in_clear(source)},
    }
    return {"upstream": found} if found else {}


def _is_in_clear(source: UpstreamSource) -> bool:
    parts = urlsplit(source.url)
    return parts.scheme != "https" and not _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
