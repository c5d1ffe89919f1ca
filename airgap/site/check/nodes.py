"""What machines are told of the site's network."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.address import is_host, is_ip, url_fault
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Site
from airgap.site.path import shown

__all__ = ["CHECKS"]


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


CHECKS = checks((_check_servers, "nodes"), (_check_hosts, "nodes"), (_check_discovery, "nodes"))
