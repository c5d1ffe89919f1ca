"""Overrides of mirrors, in the plan document's `registryMirrors` form.

Talos v1.9-1.13 appends /v2 to an endpoint's path unless the path ends with it or overridePath is
set, and drops the upstream host: so `https://r:5000/docker.io` asks for /docker.io/v2/…, which
no registry answers. TLS settings and credentials belong to an endpoint's host:port, whichever
mirror names it.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.address import host_of, is_registry, path_of, url_fault
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Mirror, Site
from airgap.site.path import Step, shown
from airgap.talos.config import IMAGE_CACHE

__all__ = ["CHECKS"]

_MIRRORS = ("registry", "mirrors")
_VERSION_PATH = "v2"
_OVERRIDE_HINT = (
    "Talos appends /v2 to a path unless overridePath is true: "
    "set overridePath: true and the endpoint to {}"
)


def _check_hosts(site: Site, _: Known) -> Iterator[Fault]:
    for host in site.registry.mirrors:
        if host != "*" and not is_registry(host):
            yield fault(
                (*_MIRRORS, host),
                f"{shown(host)} is not a registry's host[:port]",
                "write the host alone, such as ghcr.io, or '*' for all others",
            )


def _check_endpoints(site: Site, _: Known) -> Iterator[Fault]:
    for host, mirror in site.registry.mirrors.items():
        if mirror.override_path is not None and not mirror.endpoints:
            hint = "it says how to read the endpoints' paths: give the endpoints, too"
            yield fault((*_MIRRORS, host, "overridePath"), "set without endpoints", hint)
        at = (*_MIRRORS, host, "endpoints")
        for index, url in enumerate(mirror.endpoints):
            found = url_fault(url.rstrip("/"), path_allowed=True) or _path_fault(host, mirror, url)
            if found:
                yield fault((*at, index), *found)


def _path_fault(host: str, mirror: Mirror, url: str) -> tuple[str, str] | None:
    """Return what makes a machine ask for a path that no registry answers."""
    segments = path_of(url).split("/")[1:]
    if mirror.override_path:
        if _VERSION_PATH in segments:
            return None
        return "overridePath is true, but the path has no /v2", _override_hint(host, url)
    if not segments or segments[-1] == _VERSION_PATH:
        return None
    return f"has the path {path_of(url)!r} without overridePath: true", _override_hint(host, url)


def _override_hint(host: str, url: str) -> str:
    segments = [part for part in path_of(url).split("/") if part and part != _VERSION_PATH]
    if not segments and host != "*":
        segments = [host]
    scheme = url.partition("://")[0]
    return _OVERRIDE_HINT.format("/".join([f"{scheme}://{host_of(url)}", "v2", *segments]))


def _check_tls(site: Site, _: Known) -> Iterator[Fault]:
    """Talos refuses TLS settings for a plain http endpoint."""
    for host, mirror in site.registry.mirrors.items():
        if not any(url.startswith("http://") for url in _urls(site, mirror)):
            continue
        for key, given in (("skipVerify", mirror.skip_verify), ("caCert", mirror.ca_cert)):
            if given:
                hint = "use https endpoints, or leave it out"
                yield fault((*_MIRRORS, host, key), "set for a plain http endpoint", hint)


def _check_agreement(site: Site, _: Known) -> Iterator[Fault]:
    """One endpoint has one set of TLS settings."""
    seen: dict[tuple[str, str], tuple[str, object]] = {}
    for host, mirror in site.registry.mirrors.items():
        for endpoint in {host_of(url): None for url in _urls(site, mirror)}:
            for key, setting in _tls_settings(mirror):
                other, earlier = seen.setdefault((endpoint, key), (host, setting))
                if earlier != setting:
                    at = (*_MIRRORS, host, key)
                    yield _disagreement(at, endpoint, other)


def _urls(site: Site, mirror: Mirror) -> tuple[str, ...]:
    """Return where machines will pull from: the site's own registry unless overridden."""
    own = (IMAGE_CACHE,) if site.registry.kind == "none" else _own_urls(site)
    return mirror.endpoints or own


def _own_urls(site: Site) -> tuple[str, ...]:
    return tuple(endpoint.url for endpoint in site.registry.endpoints)


def _tls_settings(mirror: Mirror) -> Iterator[tuple[str, object]]:
    if "skip_verify" in mirror.model_fields_set:
        yield "skipVerify", mirror.skip_verify
    if mirror.ca_cert:
        yield "caCert", mirror.ca_cert.strip()
    if mirror.auth_secret_ref:
        yield "authSecretRef", mirror.auth_secret_ref


def _disagreement(at: tuple[Step, ...], endpoint: str, other: str) -> Fault:
    return fault(
        at,
        f"{endpoint} has another setting under mirror {shown(other)}",
        "TLS and credentials belong to the endpoint: give both mirrors the same",
    )


def _check_auth(site: Site, _: Known) -> Iterator[Fault]:
    """Stock Sidero reads no Secret for mirrors: the reference would be lost in silence."""
    if site.sidero.flavour == "airgap":
        return
    for host, mirror in site.registry.mirrors.items():
        if mirror.auth_secret_ref:
            yield fault(
                (*_MIRRORS, host, "authSecretRef"),
                "stock Sidero does not read it",
                "use sidero.flavour: airgap, or registry.nodeAuth: machineConfig "
                "with sidero-airgap:credentials",
            )


CHECKS = checks(
    (_check_hosts, "registry"),
    (_check_endpoints, "registry"),
    (_check_tls, "registry"),
    (_check_agreement, "registry"),
    (_check_auth, "registry sidero"),
)
