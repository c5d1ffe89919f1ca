"""What Sidero Metal v0.6.13's own CRDs keep of an object: unknown fields vanish without a word.

Group `metal.sidero.dev`, versions v1alpha1 and v1alpha2, all cluster-scoped. Field names as read
from the CRDs; with `fieldValidation=Strict` the API server refuses what it would else prune.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping

from lab.documents import is_mapping

__all__ = ["ApiError", "prune"]

Tree = Mapping[str, object]
"""Known fields; a value is the tree below (of a list: below each item), or None for anything."""

_ANY = None
_ENVIRONMENT: Tree = {
    "kernel": {"url": _ANY, "sha512": _ANY, "args": _ANY},
    "initrd": {"url": _ANY, "sha512": _ANY},
}
_SERVER_CLASS: Tree = {
    "environmentRef": _ANY,
    "qualifiers": {"hardware": _ANY, "labelSelectors": _ANY},
    "selector": {"matchLabels": _ANY, "matchExpressions": _ANY},
    "configPatches": {"op": _ANY, "path": _ANY, "value": _ANY},
    "strategicPatches": _ANY,
    "bootFromDiskMethod": _ANY,
}
_OLD_SERVER_CLASS: Tree = {
    **{key: tree for key, tree in _SERVER_CLASS.items() if key != "strategicPatches"},
    "qualifiers": {"cpu": _ANY, "systemInformation": _ANY, "labelSelectors": _ANY},
}
_SERVER: Tree = {
    "environmentRef": _ANY,
    "hardware": _ANY,
    "hostname": _ANY,
    "bmc": {
        **dict.fromkeys(("endpoint", "port", "user", "pass", "interface")),
        "userFrom": _ANY,
        "passFrom": _ANY,
    },
    "managementApi": {"endpoint": _ANY},
    "configPatches": {"op": _ANY, "path": _ANY, "value": _ANY},
    "strategicPatches": _ANY,
    **dict.fromkeys(("accepted", "cordoned", "pxeBootAlways", "bootFromDiskMethod", "pxeMode")),
}
_SPECS: Mapping[tuple[str, str], Tree] = {
    ("metal.sidero.dev/v1alpha1", "Environment"): _ENVIRONMENT,
    ("metal.sidero.dev/v1alpha2", "Environment"): _ENVIRONMENT,
    ("metal.sidero.dev/v1alpha1", "ServerClass"): _OLD_SERVER_CLASS,
    ("metal.sidero.dev/v1alpha2", "ServerClass"): _SERVER_CLASS,
    ("metal.sidero.dev/v1alpha2", "Server"): _SERVER,
}


class ApiError(Exception):
    """The API server would refuse the object."""


def prune(document: Mapping[str, object], *, strict: bool = False) -> dict[str, object]:
    """Return what the API server would store.

    Raises:
        ApiError: The kind is not served, or `strict` and there are unknown fields.
    """
    version, kind = str(document.get("apiVersion")), str(document.get("kind"))
    spec = _SPECS.get((version, kind))
    if spec is None:
        raise ApiError(f'no matches for kind "{kind}" in version "{version}"')
    tree: Tree = {
        "apiVersion": _ANY,
        "kind": _ANY,
        "metadata": _ANY,
        "status": _ANY,
        "spec": spec,
    }
    unknown = list(_unknown(document, tree))
    if strict and unknown:
        names = ", ".join(f'unknown field "{path}"' for path in unknown)
        raise ApiError(f"strict decoding error: {names}")
    kept = _keep(copy.deepcopy(dict(document)), tree)
    assert isinstance(kept, dict)
    return kept


def _unknown(value: object, tree: object, path: str = "") -> Iterator[str]:
    if not is_mapping(tree):
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, tree, f"{path}[{index}]")
    elif is_mapping(value):
        for key, item in sorted(value.items()):
            inner = f"{path}.{key}" if path else key
            if key not in tree:
                yield inner
            else:
                yield from _unknown(item, tree[key], inner)


def _keep(value: object, tree: object) -> object:
    if not is_mapping(tree):
        return value
    if isinstance(value, list):
        return [_keep(item, tree) for item in value]
    if is_mapping(value):
        return {key: _keep(item, tree[key]) for key, item in value.items() if key in tree}
    return value
