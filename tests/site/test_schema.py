"""The JSON Schema says what the model says, and is the committed one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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
