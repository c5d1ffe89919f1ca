"""Hosts of a site: what its lock names upstream, and what counts as inside."""

from __future__ import annotations

from urllib.parse import urlsplit

from airgap.lock.model import Lock
from airgap.oci.reference import parse_reference
from airgap.plan.model import PlainValues
from airgap.site.model import Site
from airgap.talos.config import IMAGE_CACHE

__all__ = ["host_of", "locked_hosts", "origin_of", "plan_policy"]


def host_of(url: str) -> str:
    """Return `host[:port]` as the URL writes it: Talos matches `url.Host` of an endpoint."""
    return urlsplit(url).netloc


def origin_of(url: str) -> str:
    """Return `scheme://host[:port]` of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def locked_hosts(lock: Lock) -> tuple[str, ...]:
    """Return every registry host that an image, extension or overlay of the lock names, sorted."""
    catalogues = (*lock.extensions.values(), *(lock.overlays or {}).values())
    listed = (reference for catalogue in catalogues for reference in catalogue.values())
    references = (*lock.images, *listed)
    return tuple(sorted({parse_reference(text).registry for text in references}))


def plan_policy(site: Site, lock: Lock) -> PlainValues:
    """Return what rules are measured by: hosts that are inside, the site's exceptions and levels.

    A host the site declares as its own is inside, unless the lock names it as an upstream: a
    registry "inside" that is ghcr.io is a mistake, which only `policy.allowedHosts` can override.
    """
    declared = {host_of(endpoint.url) for endpoint in site.registry.endpoints}
    declared.add(host_of(site.asset_mirror.url))
    if site.registry.kind == "none":
        declared.add(host_of(IMAGE_CACHE))
    if site.image_factory.endpoint:
        declared.add(host_of(site.image_factory.endpoint))
    if site.image_factory.registry:
        declared.add(site.image_factory.registry.host)
    inside = (declared - set(locked_hosts(lock))) | set(site.policy.allowed_hosts)
    levels = site.policy.levels
    return {
        "allowedHosts": sorted(inside),
        "exceptions": [item.model_dump(by_alias=True) for item in site.policy.exceptions],
        **({"levels": dict(sorted(levels.items()))} if levels else {}),
    }
