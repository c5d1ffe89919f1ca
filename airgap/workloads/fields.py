"""Paths to fields that name images, such as `spec.pools[].image`, and what stands there.

`[]` is each item of a list, or each value of a mapping; a key with dots is written `["a.b/c"]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from airgap.workloads.places import Found, Plain, Problem, at, is_mapping

__all__ = ["EACH", "Field", "fields", "find_at", "find_field", "parse_path"]

EACH = "[]"
"""The step to each item."""

_EXPECTED = "expected a reference, or a mapping of registry, repository, tag and digest"
_QUOTE = 'quote the tag: "1.2"'
_FIRST = r"""([^.\[\]"\s]+)"""
_LATER = r"""\.([^.\[\]"\s]+)|(\[\])|\["([^"]+)"\]"""
_STEP = re.compile(_LATER)
_PATH = re.compile(rf"(?:{_FIRST}|\[\"[^\"]+\"\])(?:{_LATER})*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a kind: in one API group, or in any where that is None."""

    kind: str
    group: str | None
    steps: tuple[str, ...]

    def is_of(self, kind: str, group: str) -> bool:
        """Tell whether objects of that kind have the field."""
        return self.kind == kind and self.group in (None, group)

    def __str__(self) -> str:
        """Return the field with its kind: equal for equal fields."""
        return f"{self.group or '*'}/{self.kind}: {' '.join(self.steps)}"


def fields(group: str | None, kinds: str, *paths: str) -> tuple[Field, ...]:
    """Return the fields of kinds (parted by spaces) at paths."""
    return tuple(
        Field(kind=kind, group=group, steps=parse_path(path))
        for kind in kinds.split()
        for path in paths
    )


def parse_path(text: str) -> tuple[str, ...]:
    """Return the steps of a path.

    Raises:
        ValueError: It is none.
    """
    if not _PATH.match(text):
        raise ValueError(f"{text!r} is no path")
    dotted = text if text.startswith("[") else f".{text}"
    return tuple(match.group(1) or match.group(3) or EACH for match in _STEP.finditer(dotted))


def find_at(value: object, steps: Sequence[str], path: str = "") -> Iterator[tuple[str, object]]:
    """Yield what stands at a path, each with its own path."""
    if not steps:
        yield path, value
    elif steps[0] != EACH:
        if is_mapping(value) and steps[0] in value:
            yield from find_at(value[steps[0]], steps[1:], at(path, steps[0]))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from find_at(item, steps[1:], f"{path}[{index}]")
    elif is_mapping(value):
        for key, item in value.items():
            yield from find_at(item, steps[1:], at(path, key))


def find_field(value: Plain, field: Field) -> Iterator[Found | Problem]:
    """Yield the images that a field of an object names."""
    for path, item in find_at(value, field.steps):
        for found in _images(item, path):
            yield replace(found, field=str(field)) if isinstance(found, Found) else found


def _images(item: object, path: str) -> Iterator[Found | Problem]:
    """Yield the images of a field: text, a list, or a mapping with repository and tag."""
    if isinstance(item, list):
        for index, each in enumerate(item):
            yield from _images(each, f"{path}[{index}]")
    elif is_mapping(item):
        yield _joined(item, path)
    elif isinstance(item, str) and item:
        yield Found(path=path, name=item.removeprefix("docker://"))
    elif item not in (None, ""):
        yield Problem(path=path, message=f"{item!r} is no image", hint=_EXPECTED)


def _joined(item: Plain, path: str) -> Found | Problem:
    """Return the image that a mapping names in parts, as many charts and operators have it."""
    if isinstance(tag := item.get("tag"), float):  # JSON's 1.20 is 1.2
        message = f"the tag {tag} is a number, and 1.20 the same one as 1.2"
        return Problem(path=at(path, "tag"), message=message, hint=_QUOTE)
    part = {key: str(text) for key, text in item.items() if isinstance(text, str | int) and text}
    name = part.get("repository") or part.get("image") or part.get("name")
    if name is None:
        return Problem(path=path, message="a mapping without a repository", hint=_EXPECTED)
    registry = f"{part['registry']}/" if "registry" in part else ""
    tag = f":{part['tag']}" if "tag" in part else ""
    digest = f"@{part['digest']}" if "digest" in part else ""
    return Found(path=path, name=f"{registry}{name}{tag}{digest}")
