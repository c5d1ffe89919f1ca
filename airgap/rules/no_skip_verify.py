"""`no-skip-verify`: nobody in the site accepts a certificate it has not checked.

Read in a Registry's mirrors and in what servers get: Talos hangs `insecureSkipVerify` on the
endpoint's host:port (v1alpha1 `registries.config`, or a RegistryTLSConfig document), so that it
holds for every mirror that uses this endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.machine_config import mirrors_of, tls_of
from airgap.rules.values import Values, entries, host_of, part, text, texts, without_port

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "no-skip-verify"
SUMMARY = "Certificates are verified everywhere."
REASON = (
    "Whoever sits between a machine and its registry can hand it any image, and it runs as "
    "root: a certificate that is not checked is no protection at all, and nothing in a log says "
    "so."
)
REMEDY = "Give the endpoint's CA (`caFile`, `caCert`) in place of `skipVerify`."
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
    for endpoint, tls in tls_of(machine_config):
        if tls.get("insecureSkipVerify"):
            mirrors = mirrors_of(machine_config)
            users = tuple(item.upstream for item in mirrors if endpoint in item.hosts)
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


def _names(hosts: tuple[str, ...]) -> tuple[str, ...]:
    return (*hosts, *(without_port(host) for host in hosts))
