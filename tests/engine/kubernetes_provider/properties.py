"""Resource properties on the wire: secrets, merging, and what differs where.

The secrets' markers are the engine's (pulumi/sdk, go/common/resource/sig). An unknown is a string
of its own, which no rule here needs to tell from others.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = [
    "KEYS",
    "SECRET",
    "SIGNATURE",
    "differences",
    "mark_secrets",
    "merge",
    "reveal",
    "select",
    "without",
]

Value = Any  # JSON

KEYS = {"containers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath"}
"""Lists of a Deployment that Kubernetes merges, with the key of their items (`listMapKey`)."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


def reveal(value: Value) -> Value:
    """Return the value with its secrets unwrapped, and whole numbers as integers."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET:
            return reveal(value["value"])
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def mark_secrets(value: Value, like: Value) -> Value:
    """Return plain `value` with a secret wherever `like` has one."""
    if isinstance(like, Mapping) and like.get(SIGNATURE) == SECRET:
        return {SIGNATURE: SECRET, "value": value}
    if isinstance(value, Mapping) and isinstance(like, Mapping):
        return {key: mark_secrets(item, like.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(like, list) and len(value) == len(like):
        return [mark_secrets(item, shape) for item, shape in zip(value, like, strict=True)]
    return value


def merge(base: Value, over: Value, field: str = "") -> Value:
    """Return `base` with `over` applied: mappings merge, and so do the lists of `KEYS`, by key."""
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return dict(base) | {key: merge(base.get(key), item, key) for key, item in over.items()}
    if _is_keyed(field, base, over):
        old, new = _by_key(field, base), _by_key(field, over)
        return list((old | {name: merge(old.get(name), new[name]) for name in new}).values())
    return over


def select(value: Value, shape: Value, field: str = "") -> Value:
    """Return of `value` only the keys that `shape` has: what an applier sees of its own fields."""
    if isinstance(value, Mapping) and isinstance(shape, Mapping):
        return {key: select(value[key], item, key) for key, item in shape.items() if key in value}
    if _is_keyed(field, value, shape):
        found, wanted = _by_key(field, value), _by_key(field, shape)
        return [select(found[name], wanted[name]) for name in wanted if name in found]
    return value


def without(value: Value, fields: Value, field: str = "") -> Value:
    """Return `value` less the leaves that `fields` has; what becomes empty goes too."""
    if _is_keyed(field, value, fields):
        return _items_without(field, value, _by_key(field, fields))
    if not isinstance(value, Mapping) or not isinstance(fields, Mapping):
        return None
    rest = {key: item for key, item in value.items() if key not in fields}
    for key in fields.keys() & value.keys():
        kept = without(value[key], fields[key], key)
        if kept:
            rest[key] = kept
    return rest


def _items_without(field: str, items: list[Value], gone: Mapping[str, Value]) -> list[Value]:
    """Return the items less their leaves; an item of which only its key is left goes too."""
    kept = []
    for item in items:
        name = item[KEYS[field]]
        rest = without(item, gone[name]) if name in gone else item
        if rest:
            kept.append({**rest, KEYS[field]: name})
    return kept


def _is_keyed(field: str, *lists: Value) -> bool:
    key = KEYS.get(field, "")
    return bool(key) and all(
        isinstance(items, list) and all(isinstance(item, Mapping) and key in item for item in items)
        for items in lists
    )


def _by_key(field: str, items: list[Value]) -> dict[str, Value]:
    return {item[KEYS[field]]: item for item in items}


def differences(old: Value, new: Value, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (property path, ADD | DELETE | UPDATE) for each leaf that differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            yield from _differ_at(_join(path, key), old, new, key)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            olds, news = dict(enumerate(old)), dict(enumerate(new))
            yield from _differ_at(f"{path}[{index}]", olds, news, index)
    elif old != new:
        yield path, "UPDATE"


def _differ_at(
    path: str, old: Mapping[Any, Value], new: Mapping[Any, Value], key: object
) -> Iterator[tuple[str, str]]:
    if key not in old:
        yield path, "ADD"
    elif key not in new:
        yield path, "DELETE"
    else:
        yield from differences(old[key], new[key], path)


def _join(path: str, key: str) -> str:
    if not PLAIN_KEY.fullmatch(key):
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key
