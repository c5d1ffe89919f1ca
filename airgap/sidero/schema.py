"""Structural schemas as a CustomResourceDefinition holds them, made of few words.

Kubernetes: structural schemas of `apiextensions.k8s.io/v1`. The values are OpenAPI v3 as it stands
in the object, so that what is validated here is what the API server is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["ANYTHING", "FLAG", "TEXT", "Schema", "number", "record", "sequence", "table"]

Schema = Mapping[str, object]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {"x-kubernetes-preserve-unknown-fields": True}
"""Any value at all: the API server keeps it as it is."""


def number(bits: int) -> Schema:
    """Return a whole number of 32 or 64 bits."""
    return {"type": "integer", "format": f"int{bits}"}


def sequence(item: Schema, *, atomic: bool = False) -> Schema:
    """Return a list; an atomic one has one owner."""
    merging = {"x-kubernetes-list-type": "atomic"} if atomic else {}
    return {"type": "array", "items": item, **merging}


def table(value: Schema) -> Schema:
    """Return a mapping whose keys are the author's."""
    return {"type": "object", "additionalProperties": value}


def record(
    fields: Mapping[str, Schema], *, required: Sequence[str] = (), atomic: bool = False
) -> Schema:
    """Return a mapping of known fields; an atomic one has one owner."""
    schema: dict[str, object] = {"type": "object"}
    if fields:
        schema["properties"] = dict(fields)
    if required:
        schema["required"] = sorted(required)
    if atomic:
        schema["x-kubernetes-map-type"] = "atomic"
    return schema
