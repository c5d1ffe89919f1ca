"""The site's registry: its URLs, and what the embedded, read-only one or none at all cannot do."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.address import url_fault
from airgap.site.check.subject import Known, checks, fault, repeated
from airgap.site.model import AssetMirror, Endpoint, Registry, Site
from airgap.site.path import Step

__all__ = ["CHECKS", "endpoint_faults"]

_PREFIX_HINT = "; a path in front of repositories is pathPrefix's"
_SERVES = "it serves <upstream host>/<repository>"
_UNUSED = {
    "embedded": {
        "pathPrefix": f"has no path prefix: {_SERVES}",
        "layout": f"has layout prefix only: {_SERVES}",
        "overwrite": "is read-only: there is nothing to overwrite",
        "nodeAuth": "asks for no credentials: machines pull anonymously",
    },
    "none": {
        "pathPrefix": "has no repositories",
        "layout": "has no repositories",
        "overwrite": "has nothing to overwrite",
        "nodeAuth": "has nobody to show credentials to",
    },
}


def endpoint_faults(
    endpoint: Endpoint | AssetMirror, at: tuple[Step, ...], *, path_allowed: bool, aside: str = ""
) -> Iterator[Fault]:
    """Give the faults of a URL, and of a CA where there is no TLS."""
    found = url_fault(endpoint.url, path_allowed=path_allowed)
    if found:
        message, hint = found
        yield fault((*at, "url"), message, hint + aside)
    if endpoint.url.startswith("http://") and (endpoint.ca_file or endpoint.ca):
        key = "caFile" if endpoint.ca_file else "ca"
        yield fault((*at, key), "a CA for a plain http URL", "use https, or leave the CA out")


def _check_endpoints(site: Site, _: Known) -> Iterator[Fault]:
    endpoints = site.registry.endpoints
    if site.registry.kind == "none" and endpoints:
        hint = "leave them out, or use kind: existing"
        yield fault(("registry", "endpoints"), "kind none has no endpoints", hint)
    elif site.registry.kind != "none" and not endpoints:
        hint = "give its URL, or use kind: none for machines that have an image cache medium alone"
        yield fault(("registry", "endpoints"), "missing", hint)
    for index, endpoint in enumerate(endpoints):
        at = ("registry", "endpoints", index)
        yield from endpoint_faults(endpoint, at, path_allowed=False, aside=_PREFIX_HINT)
    for index, first in repeated(endpoint.url for endpoint in endpoints):
        place = ("registry", "endpoints", index, "url")
        yield fault(place, f"the same as endpoint {first}", "remove one")


def _check_kind(site: Site, _: Known) -> Iterator[Fault]:
    """Refuse what a read-only view of the store, or no registry, has no use for."""
    kind = site.registry.kind
    for key in _given(site.registry) if kind in _UNUSED else ():
        hint = "leave it out, or use kind: existing"
        yield fault(("registry", key), f"kind {kind} {_UNUSED[kind][key]}", hint)


def _given(registry: Registry) -> Iterator[str]:
    """Yield what differs from its default."""
    if registry.path_prefix:
        yield "pathPrefix"
    if registry.layout == "flat":
        yield "layout"
    if registry.overwrite:
        yield "overwrite"
    if registry.node_auth != "none":
        yield "nodeAuth"


CHECKS = checks((_check_endpoints, "registry"), (_check_kind, "registry"))
