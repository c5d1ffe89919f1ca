"""`no-fallback`: no pull ends at a registry outside.

Every registry host of the lock has a mirror of its own (an entry does not inherit from `"*"`), none
falls back (without `skipFallback` Talos tries the upstream last), and a catch-all inside answers
whatever nobody foresaw. Read in a Registry, and in what servers get.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.machine_config import mirrors_of
from airgap.rules.values import Values, entries, part, texts

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "no-fallback"
SUMMARY = "Every registry host has a mirror without fallback, and so has everything else."
REASON = (
    "A pull that the mirror cannot answer goes on to the internet, and waits there: a node that "
    "drains at night comes back after minutes of timeouts, or never, and where the internet is "
    "reachable it runs what nobody reviewed."
)
REMEDY = (
    "Leave mirrors to the default, or give every host an entry with `skipFallback: true` and "
    '`"*"` an endpoint of the site.'
)


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each way past the site's mirrors."""
    if kind == "Registry":
        yield from _check_hosts(values)
        for upstream, mirror in entries(values, "mirrors"):
            if not (stated := mirror.get("skipFallback")):
                yield _falls_back(upstream, "", stated)
        yield from _check_catch_all(values)
    elif kind == "SideroEnvironment":
        for name, server_class in entries(values, "serverClasses"):
            for found in mirrors_of(part(server_class, "machineConfig")):
                if not found.skip_fallback:
                    yield _falls_back(found.upstream, f"server class {name}: ", found.skip_fallback)


def _check_hosts(values: Values) -> Iterator[Violation]:
    mirrors = part(values, "mirrors")
    for host in texts(values, "hosts"):
        if host not in mirrors:
            yield Violation(
                subject=host,
                message="the lock has images of this registry, and it has no mirror of its own",
                remedy=f"add registry.mirrors[{host!r}], or leave it to the default",
            )


def _check_catch_all(values: Values) -> Iterator[Violation]:
    if not texts(part(part(values, "mirrors"), "*"), "endpoints"):
        yield Violation(
            subject="*",
            message="there is no catch-all mirror with an endpoint inside",
            remedy='give registry.mirrors["*"] an endpoint of the site',
        )


def _falls_back(upstream: str, where: str, stated: object) -> Violation:
    found = "is not set" if stated is None else "is false"
    return Violation(
        subject=upstream,
        message=f"{where}its mirror falls back to the registry outside (skipFallback {found})",
        remedy="set skipFallback: true",
    )
