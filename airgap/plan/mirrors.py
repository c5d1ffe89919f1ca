"""Registry mirrors: where a node goes for each registry host, and whom it trusts there.

Follows Talos' endpoint rewriting (v1.9 to v1.13): the upstream host is dropped from the request's
path, `/v2` is appended unless the endpoint ends with it or `overridePath` is set. A specific entry
does not inherit from `"*"`; TLS settings belong to the endpoint's host:port, not to the mirror.

A site without a registry (`kind: none`) points every entry to the image cache on the machine
itself. Without an endpoint, `skipFallback` would close Talos' own pulls only: containerd's file of
an entry without endpoints is empty, and it goes to the upstream.
"""

from __future__ import annotations

from dataclasses import dataclass

from airgap.lock.model import Lock
from airgap.oci.reference import path_component
from airgap.plan.hosts import host_of, locked_hosts, origin_of
from airgap.plan.trust import bundle, to_pem
from airgap.site import model as site_model
from airgap.site.model import Site
from airgap.talos.config import IMAGE_CACHE

__all__ = ["CATCH_ALL", "Mirror", "Mirrors", "Trust", "mirror_hosts", "plan_mirrors"]

CATCH_ALL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Where images of one upstream host are pulled from, in order of preference."""

    endpoints: tuple[str, ...]
    override_path: bool
    skip_fallback: bool
    skip_verify: bool = False
    ca: str | None = None
    auth_secret_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How the certificate of one endpoint's host:port is checked."""

    ca: str | None
    skip_verify: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrors:
    """All mirrors by upstream host (sorted; `"*"` included), and trust by endpoint host:port."""

    by_host: dict[str, Mirror]
    trust: dict[str, Trust]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host:port of every endpoint, sorted: what credentials are matched by."""
        urls = (url for mirror in self.by_host.values() for url in mirror.endpoints)
        return tuple(sorted({host_of(url) for url in urls}))


def plan_mirrors(site: Site, lock: Lock) -> Mirrors:
    """Return the mirrors of a site: one an upstream host, one for the factory, one for the rest."""
    hosts = {*locked_hosts(lock), CATCH_ALL}
    by_host = {host: _default(site.registry, host) for host in hosts}
    by_host |= _factory(site.image_factory, _own_cas(site.registry))
    for host, override in site.registry.mirrors.items():
        by_host[host] = _overridden(override, by_host.get(host) or _default(site.registry, host))
    ordered = {host: by_host[host] for host in sorted(by_host)}
    return Mirrors(by_host=ordered, trust=_trust(site.registry, ordered))


def mirror_hosts(site: Site) -> tuple[str, ...]:
    """Return the host:port of every endpoint that mirrors can have, whatever is locked, sorted."""
    factory, registry = site.image_factory, site.registry
    urls = [place.url for place in registry.endpoints]
    urls += [url for override in registry.mirrors.values() for url in override.endpoints]
    if factory.kind != "none" and factory.endpoint:
        urls.append(factory.endpoint)
    return tuple(sorted({host_of(url) for url in urls}))


def _default(registry: site_model.Registry, upstream: str) -> Mirror:
    """Return the mirror that the registry's layout makes.

    The catch-all cannot name its upstream in a path: it points to the registry's root, where an
    unforeseen image gets a fast 404 instead of a way out.
    """
    if registry.kind == "none":
        return Mirror(endpoints=(IMAGE_CACHE,), override_path=False, skip_fallback=True)
    prefix = [registry.path_prefix] if registry.path_prefix else []
    if registry.layout == "prefix" and upstream != CATCH_ALL:
        prefix.append(path_component(upstream))
    path = "/".join(["/v2", *prefix]) if prefix else ""
    return Mirror(
        endpoints=tuple(f"{origin_of(place.url)}{path}" for place in registry.endpoints),
        override_path=bool(path),
        skip_fallback=True,
    )


def _factory(factory: site_model.ImageFactory, own_cas: dict[str, str | None]) -> dict[str, Mirror]:
    """Return the entry that keeps the site's factory reachable beside the catch-all.

    A factory may redirect a pull to its registry, and the client follows with the trust it has for
    the factory: it needs both CAs.
    """
    if factory.kind == "none" or not factory.endpoint:
        return {}
    written = factory.registry
    ca = bundle([factory.ca, *([own_cas.get(written.host), written.ca] if written else [])])
    own = Mirror(
        endpoints=(origin_of(factory.endpoint),),
        override_path=False,
        skip_fallback=True,
        ca=ca or None,
    )
    return {host_of(factory.endpoint): own}


def _own_cas(registry: site_model.Registry) -> dict[str, str | None]:
    """Return the CA of each of the registry's endpoints, by host:port."""
    return {host_of(place.url): place.ca for place in registry.endpoints}


def _overridden(override: site_model.Mirror, default: Mirror) -> Mirror:
    """Return the author's mirror; what the override leaves out is the default's."""
    endpoints = override.endpoints or default.endpoints
    override_path = override.override_path
    if override_path is None:
        override_path = (
            any(_has_path(url) for url in endpoints)
            if override.endpoints
            else default.override_path
        )
    return Mirror(
        endpoints=endpoints,
        override_path=override_path,
        skip_fallback=override.skip_fallback,
        skip_verify=override.skip_verify,
        ca=to_pem(override.ca_cert) if override.ca_cert else default.ca,
        auth_secret_ref=override.auth_secret_ref,
    )


def _has_path(url: str) -> bool:
    """Whether the endpoint's path would get a second `/v2` without `overridePath`."""
    path = url.removeprefix(origin_of(url)).rstrip("/")
    return bool(path) and not path.endswith("/v2")


def _trust(registry: site_model.Registry, mirrors: dict[str, Mirror]) -> dict[str, Trust]:
    """Return trust by endpoint; http endpoints have none, since Talos refuses TLS for them."""
    own = _own_cas(registry)
    trust: dict[str, Trust] = {}
    for mirror in mirrors.values():
        for url in mirror.endpoints:
            if url.startswith("https://"):
                host = host_of(url)
                before = trust.get(host, Trust(ca=own.get(host), skip_verify=False))
                trust[host] = Trust(
                    ca=mirror.ca or before.ca,
                    skip_verify=mirror.skip_verify or before.skip_verify,
                )
    return {host: trust[host] for host in sorted(trust)}
