"""Reads a site's value into the model, and as much of it as is sound when not all is.

So that one run tells all faults: a misspelt key does not hide a reference that names nothing in
another section. A section (a top-level key) is sound enough to look for further faults when the
model accepts it once unknown keys are cut and text of a wrong form (a URL, a kind) is let through;
a misspelt key counts for the one it was most likely meant to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from airgap.errors import Fault
from airgap.site.model import LENIENT, Site
from airgap.site.path import Step
from airgap.site.sentences import describe_errors, nearest_key

__all__ = ["Place", "Shape", "read_shape"]

Place = tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the model made of a value.

    Attributes:
        site: The site; only its sound sections may be asked for.
        sound: The sections that are sound enough, by the model's attribute names.
        faults: What is wrong, each with its place.
    """

    site: Site
    sound: frozenset[str]
    faults: tuple[tuple[Place, Fault], ...]


def read_shape(value: Mapping[str, object]) -> Shape:
    """Read the value strictly; unknown keys, missing keys and wrong types become faults."""
    errors = _errors(value)
    if not errors:
        site = Site.model_validate(value, by_alias=True, by_name=False)
        return Shape(site=site, sound=frozenset(Site.model_fields), faults=())
    unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    site, sound = _sound_part(_without(value, unknown), _meant(unknown))
    return Shape(site=site, sound=sound, faults=tuple(describe_errors(errors)))


def _errors(value: object, context: str | None = None) -> list[ErrorDetails]:
    try:
        Site.model_validate(value, by_alias=True, by_name=False, context=context)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _meant(unknown: Iterable[Place]) -> set[str]:
    """Return the sections that misspelt top-level keys were meant to be."""
    return {nearest for at in unknown if len(at) == 1 and (nearest := nearest_key(at))}


def _sound_part(value: Mapping[str, object], doubtful: set[str]) -> tuple[Site, frozenset[str]]:
    sections: dict[str, object] = {}
    broken = doubtful | {str(error["loc"][0]) for error in _errors(value, LENIENT)}
    for name, field in Site.model_fields.items():
        alias = field.alias or name
        if alias in broken:
            continue
        if alias in value:
            adapter: TypeAdapter[object] = TypeAdapter(field.rebuild_annotation())
            sections[name] = adapter.validate_python(
                value[alias], by_alias=True, by_name=False, context=LENIENT
            )
        else:
            sections[name] = field.get_default(call_default_factory=False)
    construct: Callable[..., Site] = Site.model_construct
    return construct(None, **sections), frozenset(sections)


def _without(value: Mapping[str, object], places: Iterable[Place]) -> Mapping[str, object]:
    """Return a copy of the value without the keys at these places."""
    cut = frozenset(places)
    copy = _copied(value, (), cut)
    return copy if isinstance(copy, Mapping) else {}


def _copied(value: object, at: Place, cut: frozenset[Place]) -> object:
    if isinstance(value, Mapping):
        return {
            key: _copied(item, (*at, key), cut)
            for key, item in value.items()
            if (*at, key) not in cut
        }
    if isinstance(value, list | tuple):
        return [_copied(item, (*at, index), cut) for index, item in enumerate(value)]
    return value
