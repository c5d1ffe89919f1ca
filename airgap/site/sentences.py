"""Turns what the schema library finds wrong into faults in plain words, with hints.

A fault says where, what was found and what is expected; an unknown key names the nearest known
one of its own level.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from pydantic_core import ErrorDetails

from airgap.errors import Fault
from airgap.site.model import FORMS
from airgap.site.path import Step, dotted, shown
from airgap.site.schema import known_keys

__all__ = ["describe_errors", "nearest_key"]

_KINDS = {
    "string_type": "text (a number or date needs quotes)",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}

_MEANT: Mapping[tuple[Step, ...], str] = {
    ("imageCache", "imageCacheURL"): "publish: [tar] puts the cache on the asset mirror, as "
    ".oci.tar, and environments of the fork name its URL",
}
"""Unknown keys that stand for something else."""


def describe_errors(errors: Iterable[ErrorDetails]) -> list[tuple[tuple[Step, ...], Fault]]:
    """Return the fault of each error with its place.

    A list that is "too short" only because its items are wrong is not told.
    """
    kept = [error for error in errors if not _is_echo(error)]
    return [(error["loc"], _fault(error)) for error in kept]


def nearest_key(at: tuple[Step, ...]) -> str | None:
    """Return the known key most like the unknown one at the end of this place, if any is."""
    known = known_keys(at[:-1])
    lower = {key.lower().replace("_", ""): key for key in known}
    wanted = str(at[-1]).lower().replace("_", "").replace("-", "")
    matches = difflib.get_close_matches(wanted, lower, n=1, cutoff=0.6)
    return lower[matches[0]] if matches else None


def _is_echo(error: ErrorDetails) -> bool:
    return error["type"] == "too_short" and bool(error["input"])


def _fault(error: ErrorDetails) -> Fault:
    at = error["loc"]
    if error["type"] == "extra_forbidden":
        return Fault(path=dotted(at), message="unknown key", hint=_key_hint(at))
    if error["type"] == "missing":
        return Fault(path=dotted(at), message="missing", hint=_missing_hint(at))
    expected = _expected(error)
    return Fault(
        path=dotted(at), message=f"found {shown(error['input'])}, expected {expected}", hint=""
    )


def _key_hint(at: tuple[Step, ...]) -> str:
    if at in _MEANT:
        return _MEANT[at]
    nearest = nearest_key(at)
    if nearest is not None:
        return f"did you mean '{nearest}'?"
    return "known here: " + ", ".join(sorted(known_keys(at[:-1])))


def _missing_hint(at: tuple[Step, ...]) -> str:
    return f"add '{at[-1]}' to {dotted(at[:-1])}"


def _expected(error: ErrorDetails) -> str:
    context: Mapping[str, object] = error.get("ctx", {})
    match error["type"]:
        case "literal_error":
            return str(context["expected"]).replace("'", "")
        case "string_pattern_mismatch":
            return FORMS[str(context["pattern"])]
        case "string_too_short":
            return "some text"
        case "too_short":
            return "at least one item"
        case "greater_than_equal":
            return f"{context['ge']} or more"
        case "less_than_equal":
            return f"{context['le']} or less"
        case kind:
            return _KINDS.get(kind, "another kind of value")
