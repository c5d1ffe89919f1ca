"""`no-skip-verify`: nobody in the site accepts a certificate it has not checked.

Read in a Registry's mirrors and in what servers get: Talos hangs `insecureSkipVerify` on the
endpoint's host:port (v1alpha1 `registries.config`, or a RegistryTLSConfig document), so that it
holds for every mirror that uses this endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import (
    Values,
    documents_of,
    entries,
    host_of,
    part,
    text,
    texts,
    without_port,
)

__all__ = ["NAME", "SUMMARY", "check"]

NAME = "no-skip-verify"
SUMMARY = "Certificates are verified everywhere."
_REMEDY = "give the endpoint's CA (caFile, caCert) instead, or add an exception with an end"


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each mirror or endpoint whose certificate is not verified."""
    if kind == "Registry":
        yield from _check_mirrors(values)
    elif kind == "SideroEnvironment":
        for name, server_class in entries(values, "serverClasses"):
            yield from _check_patches(name, part(server_class, "machineConfig"))
        for name, environment in entries(values, "environments"):
            yield from _check_fork(name, part(environment, "airGap"))


def _check_mirrors(values: Values) -> Iterator[Violation]:
    for upstream, mirror in entries(values, "mirrors"):
        if mirror.get("skipVerify"):
            hosts = tuple(host_of(url) for url in texts(mirror, "endpoints"))
            yield Violation(
                subject=upstream,
                message=f"nodes do not verify the certificate of {', '.join(hosts)}, for any image",
                remedy=_REMEDY,
                known_as=_names(hosts),
            )


def _check_patches(name: str, machine_config: Values) -> Iterator[Violation]:
    mirrors = dict(_mirrored(machine_config))
    for endpoint, tls in _tls(machine_config):
        if tls.get("insecureSkipVerify"):
            users = tuple(host for host, hosts in mirrors.items() if endpoint in hosts)
            yield Violation(
                subject=endpoint,
                message=f"server class {name}: its certificate is not verified",
                remedy=_REMEDY,
                known_as=(*users, without_port(endpoint)),
            )


def _check_fork(name: str, air_gap: Values) -> Iterator[Violation]:
    for upstream, mirror in entries(air_gap, "registryMirrors"):
        if mirror.get("skipVerify"):
            hosts = tuple(host_of(url) for url in texts(mirror, "endpoints"))
            yield Violation(
                subject=upstream,
                message=f"environment {name}: airGap.registryMirrors skips verification",
                remedy=_REMEDY,
                known_as=_names(hosts),
            )
    if part(air_gap, "localImageFactory").get("insecureSkipVerify"):
        host = host_of(text(part(air_gap, "localImageFactory"), "endpoint"))
        yield Violation(
            subject=host,
            message=f"environment {name}: airGap.localImageFactory skips verification",
            remedy=_REMEDY,
            known_as=_names((host,)),
        )


def _mirrored(machine_config: Values) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each upstream host with the hosts of its endpoints, in either dialect."""
    registries = part(part(part(machine_config, "v1alpha1"), "machine"), "registries")
    for upstream, mirror in entries(registries, "mirrors"):
        yield upstream, tuple(host_of(url) for url in texts(mirror, "endpoints"))
    for key, document in _keyed(machine_config, "RegistryMirrorConfig"):
        endpoints = documents_of(document, "endpoints")
        yield key, tuple(host_of(text(endpoint, "url")) for endpoint in endpoints)


def _tls(machine_config: Values) -> Iterator[tuple[str, Values]]:
    """Yield each endpoint with its TLS settings, in either dialect."""
    registries = part(part(part(machine_config, "v1alpha1"), "machine"), "registries")
    for endpoint, config in entries(registries, "config"):
        yield endpoint, part(config, "tls")
    yield from _keyed(machine_config, "RegistryTLSConfig")


def _keyed(machine_config: Values, kind: str) -> Iterator[tuple[str, Values]]:
    for key in machine_config:
        found, slash, name = key.partition("/")
        if slash and found == kind:
            yield name, part(machine_config, key)


def _names(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return (*hosts, *(without_port(host) for host in hosts))
