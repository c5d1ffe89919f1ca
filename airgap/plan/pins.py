"""Pins as a resource's inputs hold them: a line an image, so that an upgrade reads as one line."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from airgap.oci.reference import parse_reference
from airgap.plan.model import PlainValues

__all__ = ["by_repository"]


def by_repository(digests: Mapping[str, str]) -> PlainValues:
    """Return `repository: "tag@digest"`, or a list in version order where there are several.

    Args:
        digests: By reference, as a lock has them.
    """
    pins: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for text, digest in digests.items():
        reference = parse_reference(text)
        tag = reference.tag or ""
        pins[reference.name].append((tag, f"{tag}@{digest}" if tag else digest))
    return {repository: _one_or_many(pins[repository]) for repository in sorted(pins)}


def _one_or_many(pins: Iterable[tuple[str, str]]) -> str | list[str]:
    ordered = [pin for _, pin in sorted(pins, key=lambda item: _version_key(item[0]))]
    return ordered[0] if len(ordered) == 1 else ordered


def _version_key(tag: str) -> tuple[object, ...]:
    """Return a key that orders v1.9.9, v1.9.10, v1.10.0-rc.1, v1.10.0."""
    version, dash, suffix = tag.partition("-")
    return (_pieces(version), not dash, _pieces(suffix))


def _pieces(text: str) -> tuple[tuple[int, str], ...]:
    """Return digits as numbers, and words before them."""
    pieces = re.findall(r"\d+|[^\d]+", text)
    return tuple((int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces)
