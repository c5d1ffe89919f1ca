"""Machine configuration by Talos' own paths, the same for a setting in either form.

Up to Talos 1.11 all of it is one v1alpha1 document; from 1.12 registries, time and names are
documents of their own. A change of the form alone is none of the content: both are read as v1alpha1
(siderolabs/talos v1.12, `pkg/machinery/config/types`: each document's container methods).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

__all__ = ["is_in_documents", "read_machine_config"]

Values = Mapping[str, object]
Path = tuple[str, ...]

_HEAD = {"apiVersion", "kind", "name"}


def read_machine_config(documents: Values) -> dict[str, object]:
    """Return the documents of a server class' `machineConfig` as one tree.

    What has no place in v1alpha1 stands under its document's own key.
    """
    tree: dict[str, object] = {}
    for key, document in documents.items():
        if not isinstance(document, Mapping):
            continue
        kind, _, name = key.partition("/")
        body = {part: value for part, value in document.items() if part not in _HEAD}
        if kind == "v1alpha1":
            _merge(tree, body)
        elif kind in _READERS:
            path, values = _READERS[kind](name, body)
            _merge(tree, _nested(path, values))
        else:
            _merge(tree, {key: body})
    _by_address(tree)
    return tree


def is_in_documents(documents: Values) -> bool:
    """Tell whether the form is that of Talos 1.12: registries as documents of their own."""
    return any(key.partition("/")[0] in _READERS for key in documents)


def _mirror(name: str, body: Values) -> tuple[Path, Values]:
    endpoints = _mappings(body.get("endpoints"))
    values: dict[str, object] = {"endpoints": [item.get("url") for item in endpoints]}
    values["overridePath"] = any(item.get("overridePath") is True for item in endpoints)
    if "skipFallback" in body:
        values["skipFallback"] = body["skipFallback"]
    return ("machine", "registries", "mirrors", name), values


def _tls(name: str, body: Values) -> tuple[Path, Values]:
    return ("machine", "registries", "config", name, "tls"), body


def _auth(name: str, body: Values) -> tuple[Path, Values]:
    return ("machine", "registries", "config", name, "auth"), body


def _time(_name: str, body: Values) -> tuple[Path, Values]:
    if body.get("enabled") is False:
        return ("machine", "time"), {"disabled": True}
    ntp = body.get("ntp")
    return ("machine", "time"), ntp if isinstance(ntp, Mapping) else {}


def _resolver(_name: str, body: Values) -> tuple[Path, Values]:
    servers = [item.get("address") for item in _mappings(body.get("nameservers"))]
    return ("machine", "network"), {"nameservers": servers}


def _static_host(name: str, body: Values) -> tuple[Path, Values]:
    aliases = body.get("hostnames")
    return ("machine", "network", "extraHostEntries", name), {"aliases": aliases}


_READERS: Mapping[str, Callable[[str, Values], tuple[Path, Values]]] = {
    "RegistryMirrorConfig": _mirror,
    "RegistryTLSConfig": _tls,
    "RegistryAuthConfig": _auth,
    "TimeSyncConfig": _time,
    "ResolverConfig": _resolver,
    "StaticHostConfig": _static_host,
}


def _nested(path: Path, values: Values) -> dict[str, object]:
    tree: object = dict(values)
    for step in reversed(path):
        tree = {step: tree}
    return tree if isinstance(tree, dict) else {}


def _merge(tree: dict[str, object], more: Values) -> None:
    for key, value in more.items():
        inner = tree.get(key)
        if isinstance(inner, dict) and isinstance(value, Mapping):
            _merge(inner, value)
        elif isinstance(value, Mapping):
            tree[key] = {}
            _merge(tree[key], value)  # type: ignore[arg-type]  # a dict, made a line above
        else:
            tree[key] = value


def _by_address(tree: dict[str, object]) -> None:
    """Read v1alpha1's list of hosts by address, as the documents have it."""
    machine = tree.get("machine")
    network = machine.get("network") if isinstance(machine, dict) else None
    if isinstance(network, dict) and isinstance(network.get("extraHostEntries"), list):
        network["extraHostEntries"] = {
            str(item.get("ip")): {"aliases": item.get("aliases")}
            for item in _mappings(network["extraHostEntries"])
        }


def _mappings(value: object) -> list[Values]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return []
    return [item for item in value if isinstance(item, Mapping)]
