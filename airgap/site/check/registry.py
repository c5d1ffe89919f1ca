"""The site's registry: its URLs, and what the embedded, read-only one cannot do."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.address import url_fault
from airgap.site.check.subject import Known, checks, fault, repeated
from airgap.site.model import AssetMirror, Endpoint, Registry, Site
from airgap.site.path import Step

__all__ = ["CHECKS", "endpoint_faults"]

_PREFIX_HINT = "; a path in front of repositories is pathPrefix's"


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


def _check_embedded(site: Site, _: Known) -> Iterator[Fault]:
    """Refuse what a read-only view of the store, with the store's own names, cannot do."""
    if site.registry.kind == "embedded":
        for key, message in _not_embedded(site.registry):
            hint = "leave it out, or use kind: existing"
            yield fault(("registry", key), f"kind embedded {message}", hint)


def _not_embedded(registry: Registry) -> Iterator[tuple[str, str]]:
    if registry.path_prefix:
        yield "pathPrefix", "has no path prefix: it serves <upstream host>/<repository>"
    if registry.layout == "flat":
        yield "layout", "has layout prefix only: it serves <upstream host>/<repository>"
    if registry.overwrite:
        yield "overwrite", "is read-only: there is nothing to overwrite"
    if registry.node_auth != "none":
        yield "nodeAuth", "asks for no credentials: machines pull anonymously"


CHECKS = checks((_check_endpoints, "registry"), (_check_embedded, "registry"))
