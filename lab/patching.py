"""Patching machine configuration as Talos' `configpatcher` does (machinery v1.11 to v1.13).

Two kinds: RFC 6902 JSON patches, refused for a multi-document configuration, and strategic merges,
which merge maps, append lists (a few are replaced, a few merged by key), add documents, and honour
`$patch: delete`. Documents whose kind the machinery does not know are refused.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence

import yaml

from lab.documents import is_mapping

__all__ = ["PatchError", "apply_json_patch", "known_kinds", "load_documents", "merge_documents"]

Document = dict[str, object]

_KINDS_SINCE: Mapping[int, str] = {
    11: "EthernetConfig EventSinkConfig ExistingVolumeConfig ExtensionServiceConfig KmsgLogConfig "
    "KubespanEndpointsConfig KubeSpanEndpointsConfig NetworkDefaultActionConfig NetworkRuleConfig "
    "PCIDriverRebindConfig RawVolumeConfig SideroLinkConfig SwapVolumeConfig TrustedRootsConfig "
    "UserVolumeConfig VolumeConfig WatchdogTimerConfig ZswapConfig",
    12: "BondConfig BridgeConfig DHCPv4Config DHCPv6Config DummyLinkConfig HCloudVIPConfig "
    "HostnameConfig Layer2VIPConfig LinkAliasConfig LinkConfig OOMConfig RegistryAuthConfig "
    "RegistryMirrorConfig RegistryTLSConfig ResolverConfig StaticHostConfig TimeSyncConfig "
    "VLANConfig WireguardConfig",
    13: "BlackholeRouteConfig EnvironmentConfig ExternalVolumeConfig ImageVerificationConfig "
    "KubeSpanConfig RoutingRuleConfig TCPProbeConfig VRFConfig",
    14: "DiscoveryServiceConfig ImageCacheConfig",
}
_REPLACED_LISTS = {"podSubnets", "serviceSubnets"}
_REPLACED_MAPS = {"auditPolicy"}
_LIST_KEYS = {"interfaces": ("interface",), "vlans": ("vlanId",), "admissionControl": ("name",)}


class PatchError(Exception):
    """Talos would refuse this patch or this configuration."""


def known_kinds(minor: int) -> frozenset[str]:
    """Return the document kinds that the machinery of Talos 1.<minor> knows."""
    since = (kinds.split() for first, kinds in _KINDS_SINCE.items() if first <= minor)
    return frozenset(kind for kinds in since for kind in kinds)


def load_documents(text: str, *, minor: int) -> list[Document]:
    """Read the documents of a configuration or a strategic patch.

    Raises:
        PatchError: A document is no mapping, or of a kind that machinery does not know.
    """
    loaded: Iterable[object] = yaml.safe_load_all(text)
    documents = []
    for document in loaded:
        if document is None:
            continue
        if not is_mapping(document):
            raise PatchError("a document is not a mapping")
        kind = document.get("kind")
        if kind is not None and kind not in known_kinds(minor):
            raise PatchError(f'"{kind}" "{document.get("apiVersion")}": not registered')
        documents.append(document)
    return documents


def merge_documents(base: Sequence[Document], patch: Sequence[Document]) -> list[Document]:
    """Merge patch documents into those of the same kind and name, or add them."""
    merged = [copy.deepcopy(document) for document in base]
    for document in patch:
        index = next((i for i, item in enumerate(merged) if _key(item) == _key(document)), None)
        if document.get("$patch") == "delete":
            if index is not None:
                del merged[index]
        elif index is None:
            merged.append(copy.deepcopy(document))
        else:
            merged[index] = _merge_maps(merged[index], document)
    return merged


def apply_json_patch(
    documents: Sequence[Document], operations: Sequence[Mapping[str, object]]
) -> list[Document]:
    """Apply an RFC 6902 patch.

    Raises:
        PatchError: There are several documents, or an operation's path does not exist.
    """
    if len(documents) != 1:
        raise PatchError(
            "JSON6902 patches are not supported for multi-document machine configuration"
        )
    root: object = copy.deepcopy(documents[0])
    for operation in operations:
        root = _apply(root, operation)
    if not is_mapping(root):
        raise PatchError("the patched configuration is not a mapping")
    return [root]


def _key(document: Document) -> tuple[object, object]:
    return document.get("kind"), document.get("name")


def _merge_maps(base: Document, patch: Document) -> Document:
    merged = dict(base)
    for key, value in patch.items():
        if is_mapping(value) and value.get("$patch") == "delete":
            merged.pop(key, None)
        else:
            merged[key] = _merge_values(key, merged.get(key), value)
    return merged


def _merge_values(key: str, base: object, patch: object) -> object:
    if is_mapping(base) and is_mapping(patch) and key not in _REPLACED_MAPS:
        return _merge_maps(base, patch)
    if isinstance(base, list) and isinstance(patch, list) and key not in _REPLACED_LISTS:
        return _merge_lists(base, patch, _LIST_KEYS.get(key, ()))
    return copy.deepcopy(patch)


def _merge_lists(base: list[object], patch: list[object], keys: tuple[str, ...]) -> list[object]:
    merged = list(base)
    for item in patch:
        index = _find_like(merged, item, keys)
        found = None if index is None else merged[index]
        if index is not None and is_mapping(found) and is_mapping(item):
            merged[index] = _merge_maps(found, item)
        else:
            merged.append(copy.deepcopy(item))
    return merged


def _find_like(items: list[object], wanted: object, keys: tuple[str, ...]) -> int | None:
    if not keys or not is_mapping(wanted):
        return None
    for index, item in enumerate(items):
        if is_mapping(item) and all(key in item and item[key] == wanted.get(key) for key in keys):
            return index
    return None


def _apply(root: object, operation: Mapping[str, object]) -> object:
    name, path = operation.get("op"), str(operation.get("path", ""))
    tokens = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    match name:
        case "add" | "replace":
            return _set(root, tokens, operation.get("value"), replace=name == "replace")
        case "remove":
            return _remove(root, tokens)
        case "test":
            if _get(root, tokens) != operation.get("value"):
                raise PatchError(f"testing value {path} failed")
            return root
        case "copy" | "move":
            source = str(operation.get("from", ""))
            origin = [part.replace("~1", "/").replace("~0", "~") for part in source.split("/")[1:]]
            value = copy.deepcopy(_get(root, origin))
            return _set(_remove(root, origin) if name == "move" else root, tokens, value)
    raise PatchError(f"unexpected kind: {name}")


def _get(root: object, tokens: Sequence[str]) -> object:
    for token in tokens:
        if is_mapping(root) and token in root:
            root = root[token]
        elif isinstance(root, list) and token.isdigit() and int(token) < len(root):
            root = root[int(token)]
        else:
            raise PatchError(f"path {'/'.join(tokens)} is missing: {token}")
    return root


def _set(root: object, tokens: Sequence[str], value: object, *, replace: bool = False) -> object:
    if not tokens:
        return value
    parent, last = _get(root, tokens[:-1]), tokens[-1]
    if replace:
        _get(parent, [last])
    if is_mapping(parent):
        parent[last] = value
    elif isinstance(parent, list) and last == "-":
        parent.append(value)
    elif isinstance(parent, list) and last.isdigit() and int(last) <= len(parent):
        if replace:
            parent[int(last)] = value
        else:
            parent.insert(int(last), value)
    else:
        raise PatchError(f"path {'/'.join(tokens)} has no parent to add to")
    return root


def _remove(root: object, tokens: Sequence[str]) -> object:
    parent = _get(root, tokens[:-1])
    _get(parent, tokens[-1:])
    if is_mapping(parent):
        del parent[tokens[-1]]
    elif isinstance(parent, list):
        del parent[int(tokens[-1])]
    return root
