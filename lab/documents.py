"""Reading parsed YAML and JSON without trusting its shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

__all__ = ["as_mapping", "as_sequence", "is_mapping"]


def is_mapping(value: object) -> TypeGuard[dict[str, object]]:
    """Tell whether a value is a mapping."""
    return isinstance(value, dict)


def as_mapping(value: object) -> Mapping[str, object]:
    """Return a mapping, or an empty one in place of anything else."""
    return value if is_mapping(value) else {}


def as_sequence(value: object) -> Sequence[object]:
    """Return a list, or an empty one in place of anything else."""
    return value if isinstance(value, list) else ()
