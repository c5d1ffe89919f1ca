"""`public-services`: no machine is left with Talos' own time server, resolvers and discovery.

Defaults: Talos v1.9 to v1.13, pkg/machinery/constants (DefaultNTPServer, DefaultPrimaryResolver,
DefaultSecondaryResolver, DefaultDiscoveryServiceEndpoint).
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.machine_config import cluster_of, document, machine_of
from airgap.rules.values import Values, entries, host_of, part, text, texts, without_port

__all__ = ["NAME", "PUBLIC_DEFAULTS", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "public-services"
SUMMARY = "Time, names and discovery are the site's own, and not Talos' public defaults."
REASON = (
    "Talos waits for its time server at boot: with the public one a machine hangs there for ever, "
    "and says so on a console that nobody sees. Discovery tells a service on the internet of "
    "every machine."
)
REMEDY = "Give `nodes.timeServers`, `nodes.nameservers` and `nodes.discovery` of the site."

PUBLIC_DEFAULTS = {
    "time.cloudflare.com": "Talos' default time server",
    "1.1.1.1": "Talos' default resolver",
    "8.8.8.8": "Talos' default resolver",
    "discovery.talos.dev": "Talos' public discovery service",
}
_TIME, _DISCOVERY = "time.cloudflare.com", "discovery.talos.dev"


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each public default that machines use, once a host."""
    if kind != "SideroEnvironment":
        return
    allowed = texts(part(values, "policy"), "allowedHosts")
    told: set[str] = set()
    for host, where in _used(values):
        if host not in told and host not in allowed:
            told.add(host)
            yield Violation(
                subject=host,
                message=f"{where} {PUBLIC_DEFAULTS[host]}, which is on the internet",
                remedy=REMEDY,
            )


def _used(values: Values) -> Iterator[tuple[str, str]]:
    nodes = part(values, "nodes")
    for key in ("timeServers", "nameservers"):
        for host in texts(nodes, key):
            if host in PUBLIC_DEFAULTS:
                yield host, f"nodes.{key} has"
    yield from _discovery(part(nodes, "discovery"), "nodes.discovery names")
    for name, server_class in entries(values, "serverClasses"):
        machine_config = part(server_class, "machineConfig")
        if machine_config:
            yield from _configured(machine_config, f"server class {name}: it is left with")


def _discovery(discovery: Values, where: str) -> Iterator[tuple[str, str]]:
    if discovery.get("enabled"):
        host = without_port(host_of(text(discovery, "endpoint")))
        if not host:
            yield _DISCOVERY, "discovery is enabled without an endpoint:"
        elif host == _DISCOVERY:
            yield host, where


def _configured(machine_config: Values, where: str) -> Iterator[tuple[str, str]]:
    """Yield what a class' machine configuration leaves to Talos."""
    time = part(machine_of(machine_config), "time")
    synced = document(machine_config, "TimeSyncConfig")
    if not (
        time.get("disabled")
        or texts(time, "servers")
        or texts(part(synced, "ntp"), "servers")
        or part(synced, "ptp")
        or synced.get("enabled") is False
    ):
        yield _TIME, where
    discovery = part(cluster_of(machine_config), "discovery")
    service = part(part(discovery, "registries"), "service")
    if not discovery or (
        discovery.get("enabled") and not (service.get("disabled") or text(service, "endpoint"))
    ):
        yield _DISCOVERY, where
