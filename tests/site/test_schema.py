"""The JSON Schema says what the model says, and is the committed one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from airgap.site import model
from airgap.site.path import Step
from airgap.site.schema import known_keys, schema_text, stack_schema
from tests.site.documents import EXAMPLE_CA, STACKS, Raw, changed, faults_of, minimal

__all__: list[str] = []


def _documents() -> Iterator[type[BaseModel]]:
    for name in model.__all__:
        item = getattr(model, name)
        if isinstance(item, type) and issubclass(item, BaseModel) and item is not model.Document:
            yield item


def test_the_committed_schema_is_the_models() -> None:
    committed = (STACKS / "site.schema.json").read_text()

    assert committed == schema_text(), "write it again from airgap.site.schema.schema_text()"


def test_the_schema_is_a_valid_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(stack_schema())


@pytest.mark.parametrize("document", tuple(_documents()))
def test_every_key_is_described_for_editors(document: type[BaseModel]) -> None:
    assert document.__doc__
    properties = stack_schema()["$defs"][document.__name__]["properties"]  # type: ignore[index]
    assert [key for key, held in properties.items() if not held.get("description")] == []


@pytest.mark.parametrize("file", sorted(STACKS.glob("Pulumi.*.yaml")), ids=lambda file: file.name)
def test_an_example_fits_the_schema_and_points_editors_to_it(file: Path) -> None:
    text = file.read_text()

    jsonschema.validate(yaml.safe_load(text), stack_schema())
    assert text.startswith("# yaml-language-server: $schema=site.schema.json\n")


def test_the_schema_refuses_an_unknown_key() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(
            {"config": {"sidero-airgap:site": changed((("talos", "version"), "v1"))}},
            stack_schema(),
        )


def test_the_schema_leaves_the_engines_own_keys_open() -> None:
    stack = {
        "encryptionsalt": "v1:example",
        "config": {"aws:region": "x", "sidero-airgap:site": minimal()},
    }

    jsonschema.validate(stack, stack_schema())


@pytest.mark.parametrize(
    ("at", "keys"),
    [
        (("talos",), {"versions", "components"}),
        (("registry", "endpoints", 0), {"url", "caFile", "ca"}),
        (("upstream", "registries", "ghcr.io"), {"url", "caFile", "ca"}),
        (("serverClasses", 0, "qualifiers"), set()),
        (("nowhere", 0), set()),
    ],
)
def test_known_keys_are_those_of_the_level(at: tuple[str | int, ...], keys: set[str]) -> None:
    assert set(known_keys(at)) == keys


def _fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for section, held in stack_schema()["$defs"].items():  # type: ignore[attr-defined]
        for key, field in held.get("properties", {}).items():
            yield f"{section}.{key}", field


def _is_free(node: object) -> bool:
    """Tell whether a value is text or a map without a few allowed values or a section's keys."""
    if not isinstance(node, dict) or "enum" in node or "$ref" in node:
        return False
    if "anyOf" in node:
        return any(map(_is_free, node["anyOf"]))
    if node.get("type") == "object":
        return node.get("additionalProperties") is True or _is_free(
            node.get("additionalProperties")
        )
    return node.get("type") == "string" or _is_free(node.get("items"))


def _examples(node: object) -> Iterator[tuple[dict[str, Any], object]]:
    """Yield each example below a schema with the schema that it stands in."""
    if isinstance(node, dict):
        for value in node.get("examples", ()):
            yield node, value
        for below in node.values():
            yield from _examples(below)
    elif isinstance(node, list):
        for item in node:
            yield from _examples(item)


def test_every_field_of_free_text_has_an_example() -> None:
    free = {name: field for name, field in _fields() if _is_free(field)}

    assert {name for name, field in free.items() if not list(_examples(field))} == set()


def test_every_example_is_what_its_field_takes() -> None:
    definitions = stack_schema()["$defs"]
    examples = [found for _, field in _fields() for found in _examples(field)]

    assert len(examples) > 100
    for node, value in examples:
        jsonschema.validate(value, {**node, "$defs": definitions})


# What the loader refuses an editor marks, as far as a schema can say it.

_CA = {"caFile": "certs/site-ca.pem", "ca": EXAMPLE_CA}
_FILES = {
    "certs/site-ca.pem": EXAMPLE_CA.encode(),
    "shop.yaml": b"kind: Pod\nspec: {containers: [{image: docker.io/library/nginx:1}]}\n",
}
_EXCEPTION = {
    "rule": "no-skip-verify",
    "subject": "registry.old.example",
    "reason": "replaced in March",
    "owner": "storage team",
    "expires": "2027-01-31",
}
_FACTORY: Raw = {
    "kind": "existing",
    "version": "v1.5.0",
    "endpoint": "https://factory.example",
    "registry": "registry.example:5000",
}
_IMAGES = "ghcr.io/siderolabs/**"
_PEM = "-----BEGIN PUBLIC KEY-----\nb25l\n-----END PUBLIC KEY-----\n"
_IDENTITY = {"issuer": "https://accounts.example", "identity": "release@example.com"}
_ROOT = {"content": '{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'}

BAD: list[tuple[tuple[Step, ...], object]] = [
    (("schemaVersion",), "1"),
    (("talos", "versions"), ["1.11.5"]),
    (("kubernetes", "versions"), [1.34]),
    (("nodes",), None),
    (("registry", "kind"), "harbor"),
    (("registry", "kind"), "distribution"),
    (("registry", "kind"), "nexus"),
    (("registry", "endpoints"), ["https://registry.example:5000"]),
    (("registry", "endpoints", 0), {"url": "https://registry.example:5000", **_CA}),
    (("assetMirror", "url"), "https://u:p@artifacts.example/talos"),
    (("upstream",), {"releases": {"url": "https://cache.example", **_CA}}),
    (("upstream",), {"registries": {"ghcr.io": {"url": "https://cache.example", **_CA}}}),
    (("upstream",), {"factory": {"url": "https://cache.example", **_CA}}),
    (("imageFactory",), {**_FACTORY, **_CA}),
    (("imageFactory",), {**_FACTORY, "registry": {"url": "registry.example:5000", **_CA}}),
    (("imageFactory",), {**_FACTORY, "kind": "deployed", "verification": {}}),
    (("images",), ["docker.io/library/nginx"]),
    (("images",), ["registry.example:5000/nginx"]),
    (("images",), ["docker.io/library/nginx@sha256:0123"]),
    (("images",), [""]),
    (("manifests",), [{"path": "shop.yaml", "images": {"a:1": ["b"]}}]),
    (("manifests",), [{"path": "shop.yaml", "unseen": ["b"]}]),
    (("manifests",), [{"path": "shop.yaml", "hosts": {"a.example": "b"}}]),
    (("environments", 0, "extraKernelArgs"), ["console=ttyS1 quiet"]),
    (("environments", 0, "extraKernelArgs"), [""]),
    (("serverClasses", 0, "extraKernelArgs"), ["a=1\tb=2"]),
    (("serverClasses", 0, "meta"), [{"key": 999, "value": "x"}]),
    (("retention", "keepLocks"), -1),
    (("policy", "levels"), {"lowered": "disabled"}),
    (("policy", "levels"), {"https-onyl": "advisory"}),
    (("policy", "allowedHosts"), ["*"]),
    (("policy", "allowedHosts"), ["*.example"]),
    (("policy", "allowedHosts"), ["https://a.example"]),
    (("policy", "allowedHosts"), ["a.example/path"]),
    (("policy", "allowedHosts"), [""]),
    (("policy", "exceptions"), [{**_EXCEPTION, "rule": "https-onyl"}]),
    (("policy", "exceptions"), [{**_EXCEPTION, "owner": ""}]),
    (("policy", "exceptions"), [{**_EXCEPTION, "expires": "31.01.2027"}]),
    (("signatures",), {"require": [{"images": _IMAGES}]}),
    (("signatures",), {"require": [{"images": _IMAGES, "key": "a.pub", "keyPem": _PEM}]}),
    (("signatures",), {"require": [{"images": _IMAGES, "keyPem": _PEM, "keyless": _IDENTITY}]}),
    (("signatures",), {"require": [{"images": f"{_IMAGES}:v1", "keyPem": _PEM}]}),
    (("signatures",), {"releases": {"issuer": "https://a.example"}, "trustRoot": _ROOT}),
    (("signatures",), {"releases": {**_IDENTITY, "identityPattern": "x"}, "trustRoot": _ROOT}),
    (("signatures",), {"trustRoot": {}}),
    (("signatures",), {"trustRoot": {"file": "root.json", **_ROOT}}),
]
GOOD: list[tuple[tuple[Step, ...], object]] = [
    (("registry", "endpoints", 0, "caFile"), "certs/site-ca.pem"),
    (("registry", "endpoints", 0, "ca"), EXAMPLE_CA),
    (("registry", "mirrors"), {"ghcr.io": {"caCert": None}}),
    (("assetMirror", "ca"), None),
    (("upstream",), {"factory": {"url": "https://f.example", "caFile": "certs/site-ca.pem"}}),
    (("upstream",), {"releases": "http://127.0.0.1:8080/talos", "registries": {}}),
    (("imageFactory",), {**_FACTORY, "caFile": "certs/site-ca.pem"}),
    (("images",), ["nginx:1", "ghcr.io/a/b:v1", "r.example:5000/a:1"]),
    (("images",), [f"ghcr.io/a/b@sha256:{'0' * 64}", f"ghcr.io/a/b:v1@sha256:{'0' * 64}"]),
    (("manifests",), ["shop.yaml"]),
    (("manifests",), [{"path": "shop.yaml"}]),
    (("environments", 0, "extraKernelArgs"), ["console=ttyS1", "quiet", "ip=[fd00::9]::::eth0"]),
    (("policy", "levels"), {"lowered": "mandatory", "closed": "advisory"}),
    (("policy", "levels"), {"lowered": "advisory", "no-plain-credentials": "advisory"}),
    (
        ("policy", "allowedHosts"),
        ["a.example", "a.example:8443", "10.0.0.1", "fd00::1", "[fd00::1]:5000", "host", "A-b.c"],
    ),
    (("policy", "exceptions"), [_EXCEPTION]),
    (("signatures",), {"require": [{"images": _IMAGES, "keyPem": _PEM}]}),
    (("signatures",), {"require": [{"images": "**", "keyPem": _PEM, "keyless": None}]}),
    (
        ("signatures",),
        {"require": [{"images": "r.example:5000/*", "keyless": _IDENTITY}], "trustRoot": _ROOT},
    ),
]


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(stack_schema())


def _marked(site: object) -> list[str]:
    found = _validator().iter_errors({"config": {"sidero-airgap:site": site}})
    return [error.message for error in found]


@pytest.mark.parametrize(("place", "value"), BAD)
def test_what_the_loader_refuses_is_marked_by_the_schema(
    place: tuple[Step, ...], value: object
) -> None:
    site = changed((place, value))
    assert faults_of(site, _FILES)
    assert _marked(site)


@pytest.mark.parametrize(("place", "value"), GOOD)
def test_what_the_loader_accepts_is_not_marked_by_the_schema(
    place: tuple[Step, ...], value: object
) -> None:
    site = changed((place, value))
    assert faults_of(site, _FILES) == ()
    assert _marked(site) == []
