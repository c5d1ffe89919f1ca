"""A semantic difference of two structured values: by path, lists by their items, secrets masked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, TypeGuard

from airgap.report.masking import MASK, is_sealed, mask_text, mask_value
from airgap.report.model import KeyChange

__all__ = ["Path", "compare_keys", "flatten", "path_text", "show"]

Path = tuple[str, ...]

_IDENTITIES = ("name", "ip", "url", "address")
"""What an item of a list of mappings is known by, where all of them have it."""


class _Absent:
    """Nothing at all, as against null."""


_ABSENT: Final = _Absent()


def compare_keys(
    old: Mapping[str, object],
    new: Mapping[str, object],
    *,
    when: Callable[[Path], bool] = lambda _: True,
) -> tuple[KeyChange, ...]:
    """Return what differs between two mappings, in the order of the new one, then of the old.

    Args:
        old: The one.
        new: The other.
        when: Which paths count.
    """
    before, after = dict(flatten(old)), dict(flatten(new))
    return tuple(
        _change(path, before.get(path, _ABSENT), after.get(path, _ABSENT))
        for path in dict.fromkeys((*after, *before))
        if before.get(path, _ABSENT) != after.get(path, _ABSENT) and when(path)
        if not (_is_filled(path, before, after) or _is_filled(path, after, before))
    )


_Leaves = Mapping[Path, object]


def _is_filled(path: Path, one: _Leaves, other: _Leaves) -> bool:
    """Tell whether what is empty on one side is told by what is in it on the other."""
    is_empty = path not in other and one.get(path) in ([], {})
    return is_empty and any(each[: len(path)] == path for each in other)


def flatten(values: Mapping[str, object], at: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield the leaves by path; an empty mapping is a leaf unless it is the whole."""
    for key, value in values.items():
        path = (*at, str(key))
        inner = _as_mapping(value)
        if inner and not is_sealed(value):
            yield from flatten(inner, path)
        else:
            yield path, list(value) if isinstance(value, tuple) else value


def path_text(path: Path) -> str:
    """Return a path for people: `mirrors["ghcr.io"].endpoints`."""
    text = ""
    for step in path:
        if step.replace("_", "").replace("-", "").isalnum():
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text


def _as_mapping(value: object) -> Mapping[str, object]:
    """Return a mapping, or a list of named mappings as one; else nothing."""
    if isinstance(value, Mapping):
        return value
    items = [item for item in value if isinstance(item, Mapping)] if _is_list(value) else []
    if not _is_list(value) or not items or len(items) != len(value):
        return {}
    for identity in _IDENTITIES:
        names = [str(item[identity]) for item in items if identity in item]
        if len(names) == len(items) == len(set(names)):
            return {
                name: {key: inner for key, inner in item.items() if key != identity} or item
                for name, item in zip(names, items, strict=True)
            }
    return {}


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _change(path: Path, old: object, new: object) -> KeyChange:
    text = mask_text(path_text(path))
    before, after = _shown(path, old), _shown(path, new)
    if before == after or MASK in (before, after):
        return KeyChange(
            path=text,
            old=None if old is _ABSENT else MASK,
            new=None if new is _ABSENT else MASK,
            secret=True,
        )
    return KeyChange(path=text, old=before, new=after, came=_more(new, old), went=_more(old, new))


def _shown(path: Path, value: object) -> str | None:
    return None if value is _ABSENT else show(path, value)


def show(path: Path, value: object) -> str:
    """Return a value as text, secrets masked: strings as they are, else JSON."""
    masked = mask_value(value, path)
    if isinstance(masked, list) and masked and all(isinstance(item, str) for item in masked):
        return ", ".join(masked)
    return _text(masked)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _more(one: object, other: object) -> tuple[str, ...]:
    """Return the items that one list has and the other has not; nothing where either is no list."""
    if not (_is_list(one) and _is_list(other)):
        return ()
    theirs = {_text(item) for item in other}
    return tuple(_text(mask_value(item)) for item in one if _text(item) not in theirs)
