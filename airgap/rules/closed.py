"""`closed`: nothing in the site is told to go outside.

Every host is on the allow-list, every registry host of the lock has its own mirror without
fallback (an entry does not inherit from `"*"`; without `skipFallback` Talos tries the upstream
last), and a catch-all inside answers whatever nobody foresaw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import (
    Values,
    boot_assets,
    documents_of,
    entries,
    host_of,
    is_private_address,
    part,
    text,
    texts,
    without_port,
)

__all__ = ["NAME", "SUMMARY", "check"]

NAME = "closed"
SUMMARY = "No host outside the allow-list; every registry host has a mirror without fallback."

_ALLOW = "use a host of the site, or add it to policy.allowedHosts"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^\s/?#,@]*@)?([^\s/?#,]+)")
_DEFAULT_DISCOVERY = "discovery.talos.dev"


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each way out."""
    allowed = texts(part(values, "policy"), "allowedHosts")
    told: set[str] = set()
    for what, host in _hosts(kind, values):
        if host not in told and not _is_allowed(host, allowed):
            told.add(host)
            yield Violation(
                subject=host,
                message=f"{what} is outside the allow-list",
                remedy=_ALLOW,
                known_as=(without_port(host),),
            )
    if kind == "Registry":
        yield from _check_mirrors(values)
    elif kind == "SideroEnvironment":
        yield from _check_discovery(values)


def _is_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    return host in allowed or without_port(host) in allowed


def _hosts(kind: str, values: Values) -> Iterator[tuple[str, str]]:
    """Yield each host a component sends somebody to, with what it is."""
    if kind == "Registry":
        for endpoint in documents_of(values, "endpoints"):
            yield "the registry's endpoint", host_of(text(endpoint, "url"))
        for upstream, mirror in entries(values, "mirrors"):
            for url in texts(mirror, "endpoints"):
                yield f"the mirror of {upstream}", host_of(url)
    elif kind == "AssetMirror":
        yield "the asset mirror", host_of(text(values, "url"))
    elif kind == "ImageFactory":
        if values.get("endpoint"):
            yield "the image factory", host_of(text(values, "endpoint"))
        if values.get("registry"):
            yield "the image factory's registry", text(values, "registry").rpartition("://")[2]
    elif kind == "SideroEnvironment":
        yield from _environment_hosts(values)
        yield from _installer_hosts(values)
        yield from _node_hosts(values)


def _environment_hosts(values: Values) -> Iterator[tuple[str, str]]:
    for name, environment in entries(values, "environments"):
        for key, asset in boot_assets(environment):
            yield f"environment {name}: the {key}", host_of(text(asset, "url"))
        for argument in texts(environment, "kernelArgs"):
            for host in _URL.findall(argument):
                if not is_private_address(host):
                    yield f"environment {name}: the kernel argument {argument}", host


def _installer_hosts(values: Values) -> Iterator[tuple[str, str]]:
    """Yield hosts of installers made on site; any other is pulled through its mirror."""
    for name, server_class in entries(values, "serverClasses"):
        installer = part(server_class, "installer")
        if installer.get("builtOnSite"):
            yield f"server class {name}: the installer", text(installer, "image").partition("/")[0]


def _node_hosts(values: Values) -> Iterator[tuple[str, str]]:
    nodes = part(values, "nodes")
    for key, what in (("timeServers", "a time server"), ("nameservers", "a nameserver")):
        for host in texts(nodes, key):
            if not is_private_address(host):
                yield what, host
    discovery = part(nodes, "discovery")
    if discovery.get("enabled") and discovery.get("endpoint"):
        yield "the discovery service", host_of(text(discovery, "endpoint"))


def _check_discovery(values: Values) -> Iterator[Violation]:
    discovery = part(part(values, "nodes"), "discovery")
    if discovery.get("enabled") and not discovery.get("endpoint"):
        yield Violation(
            subject=_DEFAULT_DISCOVERY,
            message="discovery is enabled without an endpoint: nodes ask the public service",
            remedy="give nodes.discovery.endpoint, or disable it",
        )


def _check_mirrors(values: Values) -> Iterator[Violation]:
    mirrors = part(values, "mirrors")
    for host in texts(values, "hosts"):
        if host not in mirrors:
            yield Violation(
                subject=host,
                message="the lock has images of this registry, and it has no mirror of its own",
                remedy=f"add registry.mirrors[{host!r}], or leave it to the default",
            )
    for upstream, mirror in entries(values, "mirrors"):
        if not mirror.get("skipFallback"):
            yield Violation(
                subject=upstream,
                message="its mirror falls back to the registry outside (skipFallback is not set)",
                remedy="set skipFallback: true",
            )
    if not texts(part(mirrors, "*"), "endpoints"):
        yield Violation(
            subject="*",
            message="there is no catch-all mirror with an endpoint inside",
            remedy='give registry.mirrors["*"] an endpoint of the site',
        )
