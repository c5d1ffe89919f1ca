"""`closed`: nothing in the site is told to go outside.

Every host that any component names is on the allow-list: endpoints, mirrors, boot assets, kernel
arguments, time servers, resolvers, addresses of extra hosts, what a machine configuration, a
schematic or the configuration of a factory says. What is pulled by an upstream's name is the matter
of `no-fallback`, Talos' own public defaults that of `public-services`, and what workloads'
manifests name that of `closed-workloads`: these are somebody else's texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.kernel_hosts import hosts_of_arguments
from airgap.rules.public_services import PUBLIC_DEFAULTS
from airgap.rules.values import (
    Values,
    boot_assets,
    documents_of,
    entries,
    host_of,
    is_allowed,
    is_private_address,
    part,
    text,
    texts,
    walk,
    without_port,
)

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "closed"
SUMMARY = "No object, URL or setting names a host outside the allow-list."
REASON = (
    "A machine that is told of a host outside waits for it: a boot that hangs for minutes in "
    "each retry, or, where a way out is left open, bytes nobody reviewed."
)
REMEDY = "Use a host of the site, or add it to `policy.allowedHosts` if it is one."

_ALLOW = "use a host of the site, or add it to policy.allowedHosts"
_URL = re.compile(
    r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://(?:[^\s/?#,@]*@)?([^\s/?#,]+)", re.IGNORECASE
)
_COMMAND_LINES = frozenset({"extraKernelArgs", "kernelArgs"})
_NOT_ASKED = ("policy", "signatures", "verification")
"""Names of signers and issuers look like URLs: nobody goes there."""


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each way out."""
    allowed = texts(part(values, "policy"), "allowedHosts")
    told: set[str] = set()
    for what, host in _hosts(kind, values):
        if host not in told and not is_allowed(host, allowed):
            told.add(host)
            yield Violation(
                subject=host,
                message=f"{what} is outside the allow-list",
                remedy=_ALLOW,
                known_as=(without_port(host),),
            )


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
            yield "the image factory's registry", _registry_host(text(values, "registry"))
    elif kind == "SideroEnvironment":
        yield from _environment_hosts(values)
        yield from _installer_hosts(values)
        yield from _node_hosts(values)
    if kind in ("ImageFactory", "SideroEnvironment"):
        yield from _written_hosts(values)


def _registry_host(written: str) -> str:
    """Return a registry's host[:port], which is written with a scheme or without."""
    return host_of(written if "://" in written else f"//{written}")


def _environment_hosts(values: Values) -> Iterator[tuple[str, str]]:
    for name, environment in entries(values, "environments"):
        for key, asset in boot_assets(environment):
            yield f"environment {name}: the {key}", host_of(text(asset, "url"))
        for argument in texts(environment, "kernelArgs"):
            for host in (*_URL.findall(argument), *hosts_of_arguments(argument)):
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
            if not is_private_address(host) and host not in PUBLIC_DEFAULTS:
                yield what, host
    extra = part(nodes, "extraHosts")
    for address in extra:
        if not is_private_address(address):
            yield f"where nodes.extraHosts sends {', '.join(texts(extra, address))}", address
    discovery = part(nodes, "discovery")
    if discovery.get("enabled") and discovery.get("endpoint"):
        host = host_of(text(discovery, "endpoint"))
        if without_port(host) not in PUBLIC_DEFAULTS:
            yield "the discovery service", host


def _written_hosts(values: Values) -> Iterator[tuple[str, str]]:
    """Yield hosts of every URL that stands anywhere else, and of command lines among it."""
    for path, found in walk(values, without=_NOT_ASKED):
        for host in _URL.findall(found):
            if not is_private_address(host) and without_port(host) not in PUBLIC_DEFAULTS:
                yield f"what {'.'.join(path)} names", host
        if not _COMMAND_LINES.isdisjoint(path):
            for host in hosts_of_arguments(found):
                if not is_private_address(host):
                    yield f"what {'.'.join(path)} names", host
