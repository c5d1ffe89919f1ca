"""Objects of Sidero held against its CRDs, as an API server that is asked to be strict does.

An API server that cannot be reached validates nothing, and one that is not asked drops unknown
fields without a word: what is emitted is judged here first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airgap.errors import Fault
from airgap.sidero.definitions import GROUP, SCHEMAS
from airgap.sidero.schema import Schema

__all__ = ["find_faults", "validate"]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int, float),
    "array": (list, tuple),
    "object": (Mapping,),
}
_WORDS = {
    "string": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
    "array": "a list",
    "object": "a mapping",
}


def validate(document: Mapping[str, object], *, flavour: str) -> tuple[Fault, ...]:
    """Return what the API server of a flavour would refuse of an object, with its paths.

    Args:
        document: An Environment, ServerClass or Server.
        flavour: `stock` or `airgap`.
    """
    group, _, version = str(document.get("apiVersion", "")).partition("/")
    kind = str(document.get("kind", ""))
    schema = SCHEMAS[flavour].get((version, kind))
    if group != GROUP or schema is None:
        message = f"{document.get('apiVersion')} has no kind {kind}"
        return (Fault(path="kind", message=message),)
    return tuple(find_faults(document, schema))


def find_faults(value: object, schema: Schema, at: str = "") -> Iterator[Fault]:
    """Yield what a schema does not allow in a value: unknown fields, other types, missing fields.

    Args:
        value: The value.
        schema: A structural schema.
        at: Its place.
    """
    kind = str(schema.get("type", ""))
    if not kind:
        return
    if not _is_of(kind, value):
        yield Fault(path=at, message=f"expected {_WORDS[kind]}")
    elif isinstance(value, Mapping):
        yield from _in_mapping(value, schema, at)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from find_faults(item, _part(schema, "items"), f"{at}[{index}]")


def _in_mapping(value: Mapping[object, object], schema: Schema, at: str) -> Iterator[Fault]:
    fields, others = _part(schema, "properties"), _part(schema, "additionalProperties")
    open_ended = not fields and not others
    for key, item in value.items():
        place = f"{at}.{key}" if at else str(key)
        inner = fields.get(str(key)) or others
        if isinstance(inner, Mapping) and inner:
            yield from find_faults(item, inner, place)
        elif not open_ended:
            hint = "known here: " + ", ".join(sorted(fields))
            yield Fault(path=place, message="unknown key", hint=hint)
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if name not in value:
            yield Fault(path=f"{at}.{name}" if at else name, message="missing")


def _is_of(kind: str, value: object) -> bool:
    """Tell whether a value has the type; whole floats are numbers, as JSON does not part them."""
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, float):
        return kind == "integer" and value.is_integer()
    return isinstance(value, _TYPES[kind])


def _part(schema: Schema, key: str) -> Schema:
    value = schema.get(key)
    return value if isinstance(value, Mapping) else {}
