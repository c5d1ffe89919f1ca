"""What a factory lists: Talos releases, system extensions, overlays.

Their `ref` is left out: it may name a host that only the factory knows (image-factory, issue 544).
The answers' Content-Type says nothing: JSON comes as text/plain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from airgap.digest import is_digest
from airgap.errors import FactoryError, redact
from airgap.net import Answer

__all__ = [
    "OfficialExtension",
    "OfficialOverlay",
    "misunderstood",
    "parse_extensions",
    "parse_id",
    "parse_overlays",
    "parse_versions",
]

_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialExtension:
    """An extension as the factory lists it."""

    name: str
    digest: str
    author: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialOverlay:
    """An overlay as the factory lists it: its name, its image's repository, that image's digest."""

    name: str
    image: str
    digest: str


def parse_id(answer: Answer) -> str:
    """Return the schematic ID of an answer to a registration."""
    found = _text(_mapping(_json(answer), answer), "id")
    if not _ID.fullmatch(found):
        raise misunderstood(answer, "a schematic ID of 64 hex digits")
    return found


def parse_versions(answer: Answer) -> tuple[str, ...]:
    """Return the Talos releases of a list, in its order."""
    return tuple(str(item) for item in _list(answer, "a list of versions"))


def parse_extensions(answer: Answer) -> tuple[OfficialExtension, ...]:
    """Return the extensions of a list, in its order."""
    items = [_listed(item, answer) for item in _list(answer, "a list of extensions")]
    return tuple(
        OfficialExtension(
            name=_text(item, "name"),
            digest=_text(item, "digest"),
            author=_text(item, "author"),
            description=_text(item, "description"),
        )
        for item in items
    )


def parse_overlays(answer: Answer) -> tuple[OfficialOverlay, ...]:
    """Return the overlays of a list, in its order."""
    items = [_listed(item, answer) for item in _list(answer, "a list of overlays")]
    return tuple(
        OfficialOverlay(
            name=_text(item, "name"), image=_text(item, "image"), digest=_text(item, "digest")
        )
        for item in items
    )


def misunderstood(answer: Answer, expected: str) -> FactoryError:
    """Return the error for an answer that is something else."""
    return FactoryError(
        f"{redact(answer.url)}: the answer is not {expected}",
        status=answer.status,
        hint="the endpoint has to be an Image Factory, and nothing that stands before it",
    )


def _listed(value: object, answer: Answer) -> Mapping[str, object]:
    fields = _mapping(value, answer)
    if not is_digest(_text(fields, "digest")):
        raise misunderstood(answer, "images with their digests")
    return fields


def _json(answer: Answer) -> object:
    try:
        document: object = json.loads(answer.body)
    except ValueError:
        raise misunderstood(answer, "JSON") from None
    return document


def _list(answer: Answer, expected: str) -> list[object]:
    document = _json(answer)
    if not isinstance(document, list):
        raise misunderstood(answer, expected)
    return document


def _mapping(value: object, answer: Answer) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise misunderstood(answer, "a JSON object")
    return value


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
