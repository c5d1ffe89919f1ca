"""A factory that is delivered with the site: what it can do without the internet, by its release.

What would call home is refused here, before anything is written: facts of each release are those of
`airgap.talos.factory_release`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.address import host_of, name_of
from airgap.site.check.outside import is_public
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Site
from airgap.site.path import Step, shown
from airgap.talos import version_key
from airgap.talos.factory_release import (
    READS_BELOW_PREFIX,
    VERIFICATION_CAN_BE_OFF,
    VERIFIES_BY_KEY_ALONE,
)

__all__ = ["CHECKS"]

_AT = ("imageFactory",)
_QUANTITY = re.compile(r"[1-9][0-9]*(Mi|Gi|Ti)\Z")
_PLAIN_TO_THE_FACTORY = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"))
)
"""What go-containerregistry v0.21 takes for a registry without TLS, by its address."""


def _check_release(site: Site, _: Known) -> Iterator[Fault]:
    """What a release asks outside of the site when it starts, whatever it is told."""
    factory = site.image_factory
    if factory.kind != "deployed" or factory.version is None:
        return
    key = version_key(factory.version)
    if key < VERIFICATION_CAN_BE_OFF:
        message = (
            f"{factory.version} asks Sigstore's TUF repository at every start: offline it ends"
        )
        yield fault((*_AT, "version"), message, "use v1.0.3 or newer")
    elif factory.verification is not None and key < VERIFIES_BY_KEY_ALONE:
        message = (
            f"{factory.version} asks Sigstore's TUF repository beside the key: offline it ends"
        )
        hint = "use v1.0.3 or newer, or leave verification out"
        yield fault((*_AT, "verification"), message, hint)


def _check_registry(site: Site, _: Known) -> Iterator[Fault]:
    """It reads from the site's registry, and needs one to write to."""
    registry, factory = site.registry, site.image_factory
    if factory.kind != "deployed":
        return
    if registry.kind == "none":
        message = "kind deployed reads its images from the site's registry, and there is none"
        yield fault((*_AT, "kind"), message, "use registry.kind: existing")
    elif registry.kind == "embedded" and factory.registry is None:
        message = "missing: the site's registry is embedded and read-only, and a factory writes"
        yield fault((*_AT, "registry"), message, "name a registry of the factory's own")


def _check_prefix(site: Site, _: Known) -> Iterator[Fault]:
    """Before v1.4.0 a factory reads from a registry's root, and ignores that it should not."""
    factory, prefix = site.image_factory, site.registry.path_prefix
    if factory.kind == "none" or factory.version is None or not prefix:
        return
    if version_key(factory.version) < READS_BELOW_PREFIX:
        message = f"Image Factory {factory.version} does not read below {prefix}/"
        hint = "use imageFactory.version: v1.4.0 or newer, or leave pathPrefix out"
        yield fault(("registry", "pathPrefix"), message, hint)


def _check_address(site: Site, _: Known) -> Iterator[Fault]:
    """A factory passes installers on from its registry, in plain http where it is an address."""
    factory = site.image_factory
    endpoints = site.registry.endpoints
    if factory.kind != "deployed" or not endpoints:
        return
    own = factory.registry
    written = own.host.lower() if own else host_of(endpoints[0].url)
    places: list[tuple[tuple[Step, ...], str]] = [
        (("registry", "endpoints", index, "url"), endpoint.url)
        for index, endpoint in enumerate(endpoints)
        if host_of(endpoint.url) == written
    ]
    if own and not places:
        places.append(((*_AT, "registry"), own.url if "://" in own.url else f"https://{own.url}"))
    for at, url in places:
        if url.startswith("https://") and _is_plain_to_the_factory(name_of(url)):
            message = (
                "a factory passes installers on from a private address in plain http, and this "
                "one has TLS"
            )
            yield fault(at, message, f"use a DNS name for the registry, or http://{written}")


def _is_plain_to_the_factory(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return any(address in network for network in _PLAIN_TO_THE_FACTORY)


def _check_outside(site: Site, _: Known) -> Iterator[Fault]:
    """Hosts that are upstream's are no site's own."""
    factory = site.image_factory
    if factory.kind != "deployed":
        return
    places: tuple[tuple[tuple[Step, ...], str], ...] = (
        ((*_AT, "endpoint"), host_of(factory.endpoint or "")),
        ((*_AT, "registry"), factory.registry.host.lower() if factory.registry else ""),
        *(
            (("registry", "endpoints", index, "url"), host_of(endpoint.url))
            for index, endpoint in enumerate(site.registry.endpoints)
        ),
    )
    for at, host in places:
        if is_public(host):
            message = f"{host} is outside of any site, and a deployed factory would ask it"
            yield fault(at, message, "give it a host of the site")


def _check_running(site: Site, _: Known) -> Iterator[Fault]:
    """How it is run: certificate and URL, and how much disk."""
    factory = site.image_factory
    wish = factory.deployment
    if factory.kind != "deployed":
        return
    if wish.tls_secret_ref is not None and (factory.endpoint or "").startswith("http://"):
        at = (*_AT, "deployment", "tlsSecretRef")
        hint = "use https in imageFactory.endpoint, or leave tlsSecretRef out"
        yield fault(at, "a certificate for a plain http URL", hint)
    if not _QUANTITY.match(wish.scratch_size):
        message = f"{shown(wish.scratch_size)} is no quantity"
        size_at = (*_AT, "deployment", "scratchSize")
        yield fault(size_at, message, "expected a form such as 40Gi (Mi, Gi or Ti)")


CHECKS = checks(
    (_check_release, "image_factory"),
    (_check_registry, "registry image_factory"),
    (_check_prefix, "registry image_factory"),
    (_check_address, "registry image_factory"),
    (_check_outside, "registry image_factory"),
    (_check_running, "image_factory"),
)
