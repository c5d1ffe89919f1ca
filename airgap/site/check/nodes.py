"""What machines are told: of the site's network, and of the volume for an image cache."""

from __future__ import annotations

import re
from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.address import is_host, is_ip, url_fault
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Site
from airgap.site.path import shown

__all__ = ["CHECKS", "read_size"]

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?) ?(?P<unit>(?:[kmgtpe]i?)?b?)", re.IGNORECASE)


def _check_servers(site: Site, _: Known) -> Iterator[Fault]:
    for index, server in enumerate(site.nodes.time_servers):
        if not is_host(server):
            at = ("nodes", "timeServers", index)
            yield fault(at, f"{shown(server)} is not a host", "write a name or an address")
    for index, server in enumerate(site.nodes.nameservers):
        if not is_ip(server):
            at = ("nodes", "nameservers", index)
            hint = "a nameserver cannot be found by name"
            yield fault(at, f"{shown(server)} is not an IP address", hint)


def _check_hosts(site: Site, _: Known) -> Iterator[Fault]:
    for address, names in site.nodes.extra_hosts.items():
        at = ("nodes", "extraHosts", address)
        if not is_ip(address):
            hint = "write address: [names], such as 10.0.0.3: [registry.example]"
            yield fault(at, f"{shown(address)} is not an IP address", hint)
        for index, name in enumerate(names):
            if not is_host(name):
                hint = "expected a name such as registry.example"
                yield fault((*at, index), f"{shown(name)} is not a host name", hint)


def _check_discovery(site: Site, _: Known) -> Iterator[Fault]:
    """Talos' own discovery service is on the internet."""
    discovery = site.nodes.discovery
    at = ("nodes", "discovery", "endpoint")
    if discovery.endpoint is None:
        if discovery.enabled:
            hint = "give the site's own service, or set enabled: false"
            yield fault(at, "missing: the default one is on the internet", hint)
        return
    if not discovery.enabled:
        yield fault(at, "discovery is not enabled", "set enabled: true, or leave it out")
    if found := url_fault(discovery.endpoint.rstrip("/"), path_allowed=True):
        yield fault(at, *found)


def _check_volume(site: Site, _: Known) -> Iterator[Fault]:
    """Talos reads sizes as go-humanize does: a number, and a unit of either system."""
    volume = site.image_cache.volume
    if volume is None:
        return
    at = ("imageCache", "volume")
    if not site.image_cache.enabled:
        yield fault(at, "machines do not look for an image cache", "set imageCache.enabled: true")
    sizes = {"minSize": read_size(volume.min_size), "maxSize": read_size(volume.max_size)}
    for key, size in sizes.items():
        if size is None:
            yield fault((*at, key), "not a size", "write a number and a unit, such as 500MiB")
    least, most = sizes.values()
    if least is not None and most is not None and most < least:
        yield fault((*at, "maxSize"), "less than minSize", f"write {volume.min_size} or more")
    if not volume.disk_selector.strip():
        yield fault((*at, "diskSelector"), "empty", "write system_disk, or another CEL expression")


def read_size(text: str) -> float | None:
    """Return bytes, or None for what is no size."""
    found = _SIZE.fullmatch(text)
    if not found:
        return None
    unit = found["unit"].lower().removesuffix("b")
    base = 1024 if unit.endswith("i") else 1000
    exponent: int = " kmgtpe".index(unit.removesuffix("i") or " ")
    return float(found["number"]) * float(base**exponent)


CHECKS = checks(
    (_check_servers, "nodes"),
    (_check_hosts, "nodes"),
    (_check_discovery, "nodes"),
    (_check_volume, "image_cache"),
)
