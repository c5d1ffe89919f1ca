"""The JSON Schema of a stack file, generated from the site's model.

For editors (`# yaml-language-server: $schema=site.schema.json`), committed as
`stacks/site.schema.json`, and the source of the known keys that faults hint at. It describes a
whole `stacks/Pulumi.<site>.yaml`, leaving what is Pulumi's own open.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import dedent
from typing import cast

from airgap.site.document import Document
from airgap.site.model import Site
from airgap.site.path import Step

__all__ = ["Node", "definitions", "known_keys", "resolved", "schema_text", "stack_schema"]

_REFERENCE = "#/$defs/"

Node = Mapping[str, object]


def stack_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a stack file."""
    site = Site.model_json_schema(by_alias=True, mode="validation")
    definitions = site.pop("$defs")
    _describe({**definitions, "Site": site})
    _exclude(definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stack file of sidero-airgap",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "type": "object",
                "required": ["sidero-airgap:site"],
                "properties": {"sidero-airgap:site": {"$ref": f"{_REFERENCE}Site"}},
            }
        },
        "$defs": {**definitions, "Site": site},
    }


def schema_text() -> str:
    """Return the text of `stacks/site.schema.json`."""
    return json.dumps(stack_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def known_keys(at: Iterable[Step]) -> tuple[str, ...]:
    """Return the keys the model knows at a place in the site; none where any key may stand."""
    nodes = [definitions()["Site"]]
    for step in at:
        nodes = [below for node in nodes for below in _below(node, step)]
    return tuple(key for node in nodes for key in _mapping(node, "properties"))


def _describe(definitions: Mapping[str, dict[str, object]]) -> None:
    """Put the docstrings of the fields into their schemas.

    pydantic would do it itself (`use_attribute_docstrings`), but when the models are imported: a
    seventh of the time that a command takes to begin.
    """
    models = {model.__name__: model for model in _models(Document)}
    for name, definition in definitions.items():
        properties = cast("dict[str, dict[str, object]]", definition.get("properties", {}))
        for base in reversed(models[name].__mro__ if name in models else ()):
            for field, text in _docstrings(base).items():
                alias = models[name].model_fields[field].alias or field
                if alias in properties:  # else it is filled when a site is loaded
                    properties[alias].setdefault("description", text)


_NOT_BOTH: tuple[tuple[str, ...], ...] = (("caFile", "ca"),)
"""Fields that do not go together."""
_ONE_OF: tuple[tuple[str, ...], ...] = (
    ("key", "keyPem", "keyless"),
    ("identity", "identityPattern"),
    ("file", "content"),
    ("publicKeyFile", "publicKey"),
)
"""Fields of which exactly one is given; what is null is not."""


def _exclude(definitions: Mapping[str, dict[str, object]]) -> None:
    """Say which fields exclude each other: what the loader refuses, an editor marks."""
    for definition in definitions.values():
        known = cast("dict[str, object]", definition.get("properties", {}))
        for names in _NOT_BOTH:
            if known.keys() >= {*names}:
                definition["not"] = _given(*names)
        for names in _ONE_OF:
            if known.keys() >= {*names}:
                definition["oneOf"] = [*map(_given, names)]


def _given(*names: str) -> dict[str, object]:
    given = {name: {"not": {"type": "null"}} for name in names}
    return {"required": [*names], "properties": given}


def _models(base: type[Document]) -> Iterator[type[Document]]:
    yield base
    for model in base.__subclasses__():
        yield from _models(model)


def _docstrings(model: type) -> dict[str, str]:
    """Return the string that stands below each annotated name of a class' own body."""
    if not issubclass(model, Document) or model is Document:
        return {}
    body = cast("ast.ClassDef", ast.parse(dedent(getsource(model))).body[0]).body
    return {
        field.target.id: cleandoc(below.value.value)
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


@cache
def definitions() -> Mapping[str, Node]:
    """Return the schemas of the site and of its sections, by the model's names."""
    return cast("Mapping[str, Node]", stack_schema()["$defs"])


def _below(node: Node, step: Step) -> Iterator[Node]:
    """Give the schemas of what stands under a step, references and choices resolved."""
    if isinstance(step, int):
        found = _mapping(node, "items")
    else:
        found = _mapping(_mapping(node, "properties"), step) or _mapping(
            node, "additionalProperties"
        )
    return resolved(found)


def resolved(node: Node) -> Iterator[Node]:
    """Yield each kind of value that a schema allows, references and choices resolved."""
    if "$ref" in node:
        yield from resolved(definitions()[str(node["$ref"]).removeprefix(_REFERENCE)])
        return
    choices = node.get("anyOf")
    if isinstance(choices, list):
        for choice in choices:
            yield from resolved(choice)
        return
    yield node


def _mapping(node: Node, key: str) -> Node:
    found = node.get(key)
    return found if isinstance(found, Mapping) else {}
