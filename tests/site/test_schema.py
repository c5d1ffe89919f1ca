"""The JSON Schema says what the model says, and is the committed one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from airgap.site import model
from airgap.site.schema import known_keys, schema_text, stack_schema
from tests.site.documents import STACKS, changed, minimal

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


FILLED = {"Manifest.images", "Manifest.unseen", "Manifest.hosts"}
"""Nobody writes them: they are found when a site is loaded."""


def test_every_field_of_free_text_has_an_example() -> None:
    free = {name: field for name, field in _fields() if _is_free(field)}

    assert {name for name, field in free.items() if not list(_examples(field))} == FILLED


def test_every_example_is_what_its_field_takes() -> None:
    definitions = stack_schema()["$defs"]
    examples = [found for _, field in _fields() for found in _examples(field)]

    assert len(examples) > 100
    for node, value in examples:
        jsonschema.validate(value, {**node, "$defs": definitions})
