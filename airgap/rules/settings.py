"""What a Talos patch sets, as paths: the same path for the same setting in either dialect.

A path is that of the v1alpha1 document (`machine registries mirrors ghcr.io`); the documents of
Talos 1.12 that stand for a part of it have that part's, any other has its kind and name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from airgap.rules.values import Values, text

__all__ = [
    "Path",
    "common",
    "exclusive",
    "json_paths",
    "json_v1alpha1",
    "overlaps",
    "shown",
    "strategic_paths",
    "strategic_v1alpha1",
]

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

_TIME: Path = ("machine", "time")
_NETWORK: Path = ("machine", "network")
_EXCLUSIVE: Mapping[str, tuple[Path, ...]] = {
    "TimeSyncConfig": tuple((*_TIME, key) for key in ("disabled", "servers", "bootTimeout")),
    "ResolverConfig": tuple(
        (*_NETWORK, key) for key in ("nameservers", "searchDomains", "disableSearchDomain")
    ),
}
"""Documents, and what of v1alpha1 Talos refuses beside each (`V1Alpha1ConflictValidate` of
machinery v1.12 and v1.13). Mirrors and hosts are not among them: theirs add up."""


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
    """Yield what a JSON patch sets."""
    for _, path in _operations(operations):
        yield path


def exclusive(documents: Iterable[Values]) -> dict[str, tuple[Path, ...]]:
    """Return the documents' kinds that v1alpha1 must not have the same of, and which paths."""
    kinds = dict.fromkeys(text(document, "kind") for document in documents)
    return {kind: _EXCLUSIVE[kind] for kind in kinds if kind in _EXCLUSIVE}


def strategic_v1alpha1(documents: Iterable[Values]) -> Iterator[Path]:
    """Yield what the documents of a strategic merge patch set in v1alpha1 itself."""
    for document in documents:
        if not text(document, "kind"):
            yield from _set_leaves(document, ())


def json_v1alpha1(operations: object) -> Iterator[Path]:
    """Yield what a JSON patch sets in v1alpha1, down to the leaves of its values."""
    for operation, path in _operations(operations):
        if text(operation, "op") in ("add", "replace"):
            yield from _set_leaves(operation.get("value"), path)


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


def _set_leaves(value: object, at: Path) -> Iterator[Path]:
    """Yield the paths of values that say something: not those that are empty or deleted."""
    if isinstance(value, Mapping):
        for key, inner in value.items() if value.get("$patch") != "delete" else ():
            yield from _set_leaves(inner, (*at, str(key)))
    elif value and value != "0s":
        yield at


def _operations(operations: object) -> Iterator[tuple[Values, Path]]:
    """Yield each operation with its path (RFC 6901: `~1` is a slash, `~0` a tilde)."""
    if isinstance(operations, Sequence) and not isinstance(operations, str):
        for operation in operations:
            if isinstance(operation, Mapping):
                steps = text(operation, "path").split("/")[1:]
                yield operation, tuple(s.replace("~1", "/").replace("~0", "~") for s in steps)
