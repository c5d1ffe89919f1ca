"""Patching against Talos machinery v1.11 to v1.13 (`config/configpatcher`, its merge rules)."""

from __future__ import annotations

import pytest

from lab.patching import (
    PatchError,
    apply_json_patch,
    known_kinds,
    load_documents,
    merge_documents,
)

_BASE: dict[str, object] = {"machine": {"install": {"disk": "/dev/sda"}}, "list": [1]}


def test_maps_merge_and_lists_append() -> None:
    merged = merge_documents(
        [{"machine": {"a": {"x": 1}, "certSANs": ["one"]}}],
        [{"machine": {"a": {"y": 2}, "certSANs": ["two"]}}],
    )
    assert merged == [{"machine": {"a": {"x": 1, "y": 2}, "certSANs": ["one", "two"]}}]


def test_some_lists_and_maps_are_replaced() -> None:
    """Fields tagged `merge:"replace"`: podSubnets, serviceSubnets, auditPolicy."""
    merged = merge_documents(
        [{"cluster": {"network": {"podSubnets": ["a"]}, "apiServer": {"auditPolicy": {"x": 1}}}}],
        [{"cluster": {"network": {"podSubnets": ["b"]}, "apiServer": {"auditPolicy": {"y": 1}}}}],
    )
    assert merged == [
        {"cluster": {"network": {"podSubnets": ["b"]}, "apiServer": {"auditPolicy": {"y": 1}}}}
    ]


def test_interfaces_merge_by_name() -> None:
    merged = merge_documents(
        [{"machine": {"network": {"interfaces": [{"interface": "eth0", "dhcp": True}]}}}],
        [{"machine": {"network": {"interfaces": [{"interface": "eth0", "mtu": 9000}]}}}],
    )
    interfaces = [{"interface": "eth0", "dhcp": True, "mtu": 9000}]
    assert merged == [{"machine": {"network": {"interfaces": interfaces}}}]


def test_documents_merge_by_kind_and_name_or_are_added() -> None:
    first: dict[str, object] = {"kind": "RegistryMirrorConfig", "name": "a", "skipFallback": False}
    patch: dict[str, object] = {"kind": "RegistryMirrorConfig", "name": "a", "skipFallback": True}
    other: dict[str, object] = {"kind": "RegistryMirrorConfig", "name": "b"}
    merged = merge_documents([_BASE, first], [patch, other])
    assert merged == [_BASE, patch, other]


def test_delete_removes_a_key_or_a_document() -> None:
    named: dict[str, object] = {"kind": "VolumeConfig", "name": "a"}
    patches: list[dict[str, object]] = [
        {"machine": {"install": {"$patch": "delete"}}},
        {**named, "$patch": "delete"},
    ]
    assert merge_documents([_BASE, named], patches) == [{"machine": {}, "list": [1]}]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (
            {"op": "add", "path": "/machine/x", "value": 1},
            {"install": {"disk": "/dev/sda"}, "x": 1},
        ),
        (
            {"op": "add", "path": "/machine/install/a~1b", "value": 1},
            {"install": {"disk": "/dev/sda", "a/b": 1}},
        ),
        ({"op": "replace", "path": "/machine/install", "value": 2}, {"install": 2}),
        ({"op": "remove", "path": "/machine/install"}, {}),
        ({"op": "move", "from": "/machine/install/disk", "path": "/machine/d"}, None),
    ],
)
def test_json_patches(operation: dict[str, object], expected: dict[str, object] | None) -> None:
    """RFC 6902, with RFC 6901's escapes."""
    found = apply_json_patch([_BASE], [operation])[0]["machine"]
    assert found == (expected if expected is not None else {"install": {}, "d": "/dev/sda"})


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/missing/x", "value": 1},
        {"op": "replace", "path": "/machine/missing", "value": 1},
        {"op": "remove", "path": "/machine/missing"},
        {"op": "test", "path": "/list/0", "value": 2},
        {"op": "splice", "path": "/list"},
    ],
)
def test_json_patches_that_fail(operation: dict[str, object]) -> None:
    with pytest.raises(PatchError):
        apply_json_patch([_BASE], [operation])


def test_lists_are_patched_by_index() -> None:
    operations: list[dict[str, object]] = [
        {"op": "add", "path": "/list/-", "value": 3},
        {"op": "add", "path": "/list/1", "value": 2},
        {"op": "test", "path": "/list/2", "value": 3},
        {"op": "remove", "path": "/list/0"},
    ]
    assert apply_json_patch([_BASE], operations)[0]["list"] == [2, 3]
    assert _BASE["list"] == [1]


def test_json_patches_are_refused_for_several_documents() -> None:
    """The text of `configpatcher/json6902.go`."""
    reason = "JSON6902 patches are not supported for multi-document machine configuration"
    with pytest.raises(PatchError, match=reason):
        apply_json_patch([_BASE, {"kind": "VolumeConfig"}], [])


def test_kinds_newer_than_the_machinery_are_refused() -> None:
    text = "apiVersion: v1alpha1\nkind: RegistryMirrorConfig\nname: a\n"
    assert load_documents(text, minor=12)
    with pytest.raises(PatchError, match="not registered"):
        load_documents(text, minor=11)
    assert "ImageCacheConfig" not in known_kinds(13)
