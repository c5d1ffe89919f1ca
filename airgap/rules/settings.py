"""What a Talos patch sets, as paths: the same path for the same setting in either dialect.

A path is that of the v1alpha1 document (`machine registries mirrors ghcr.io`); the documents of
Talos 1.12 that stand for a part of it have that part's, any other has its kind and name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from airgap.rules.values import Values, text

__all__ = ["Path", "common", "json_paths", "overlaps", "shown", "strategic_paths"]

Path = tuple[str, ...]

_MIRRORS: Path = ("machine", "registries", "mirrors")
_CONFIG: Path = ("machine", "registries", "config")
_NAMED: Mapping[str, tuple[Path, Path]] = {
    "RegistryMirrorConfig": (_MIRRORS, ()),
    "RegistryTLSConfig": (_CONFIG, ("tls",)),
    "RegistryAuthConfig": (_CONFIG, ("auth",)),
}
_SINGLE: Mapping[str, Path] = {
    "TimeSyncConfig": ("machine", "time"),
    "ResolverConfig": ("machine", "network", "nameservers"),
    "StaticHostConfig": ("machine", "network", "extraHostEntries"),
    "HostnameConfig": ("machine", "network", "hostname"),
}


def strategic_paths(documents: Iterable[Values]) -> Iterator[Path]:
    """Yield what the documents of a strategic merge patch set."""
    for document in documents:
        kind, name = text(document, "kind"), text(document, "name")
        if not kind:
            yield from _leaves(document, ())
        elif kind in _NAMED:
            before, after = _NAMED[kind]
            yield (*before, name, *after)
        elif kind in _SINGLE:
            yield _SINGLE[kind]
        else:
            yield (kind, name) if name else (kind,)


def json_paths(operations: object) -> Iterator[Path]:
    """Yield what a JSON patch sets (RFC 6901: `~1` is a slash, `~0` a tilde)."""
    if isinstance(operations, Sequence) and not isinstance(operations, str):
        for operation in operations:
            if isinstance(operation, Mapping):
                steps = text(operation, "path").split("/")[1:]
                yield tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def overlaps(one: Path, other: Path) -> bool:
    """Tell whether setting one touches the other: equal, or one within the other."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]


def common(ours: Iterable[Path], theirs: Iterable[Path]) -> tuple[Path, ...]:
    """Return those of `theirs` that touch any of `ours`, once each, in order."""
    known = tuple(ours)
    return tuple(
        dict.fromkeys(path for path in theirs if any(overlaps(path, own) for own in known))
    )


def shown(path: Path) -> str:
    """Return a path for people."""
    return ".".join(path) or "everything"


def _leaves(values: Values, at: Path) -> Iterator[Path]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*at, key))
        else:
            yield (*at, key)
