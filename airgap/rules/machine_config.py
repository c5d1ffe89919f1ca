"""Reading what a server class adds to a machine configuration, in either dialect.

v1alpha1's sections, or the documents of Talos 1.12 that stand for them, which are keyed by
`<kind>/<name>`; a document wins over the section's entry of the same name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airgap.rules.values import Values, documents_of, entries, host_of, part, text, texts

__all__ = ["Mirror", "cluster_of", "document", "machine_of", "mirrors_of", "named", "tls_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Where images of one registry host are pulled from: (URL, overridePath) in order.

    `skip_fallback` is None where nothing is said, which Talos takes for false.
    """

    upstream: str
    endpoints: tuple[tuple[str, bool], ...]
    skip_fallback: bool | None

    @property
    def hosts(self) -> tuple[str, ...]:
        """The endpoints' `host[:port]`."""
        return tuple(host_of(url) for url, _ in self.endpoints)


def machine_of(machine_config: Values) -> Values:
    """Return v1alpha1's `machine`."""
    return part(part(machine_config, "v1alpha1"), "machine")


def cluster_of(machine_config: Values) -> Values:
    """Return v1alpha1's `cluster`."""
    return part(part(machine_config, "v1alpha1"), "cluster")


def document(machine_config: Values, kind: str) -> Values:
    """Return the only document of a kind; an empty one when there is none."""
    return part(machine_config, kind)


def named(machine_config: Values, kind: str) -> Iterator[tuple[str, Values]]:
    """Yield the documents of a kind by name."""
    for key in machine_config:
        found, slash, name = key.partition("/")
        if slash and found == kind:
            yield name, part(machine_config, key)


def _stated(mirror: Values) -> bool | None:
    stated = mirror.get("skipFallback")
    return None if stated is None else bool(stated)


def mirrors_of(machine_config: Values) -> Iterator[Mirror]:
    """Yield the registry mirrors."""
    registries = part(machine_of(machine_config), "registries")
    for upstream, mirror in entries(registries, "mirrors"):
        override = bool(mirror.get("overridePath"))
        yield Mirror(
            upstream=upstream,
            endpoints=tuple((url, override) for url in texts(mirror, "endpoints")),
            skip_fallback=_stated(mirror),
        )
    for upstream, mirror in named(machine_config, "RegistryMirrorConfig"):
        yield Mirror(
            upstream=upstream,
            endpoints=tuple(
                (text(endpoint, "url"), bool(endpoint.get("overridePath")))
                for endpoint in documents_of(mirror, "endpoints")
            ),
            skip_fallback=_stated(mirror),
        )


def tls_of(machine_config: Values) -> Iterator[tuple[str, Values]]:
    """Yield each endpoint's `host[:port]` with its TLS settings."""
    registries = part(machine_of(machine_config), "registries")
    for endpoint, config in entries(registries, "config"):
        yield endpoint, part(config, "tls")
    yield from named(machine_config, "RegistryTLSConfig")
