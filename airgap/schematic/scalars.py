"""What a plain YAML scalar would resolve to, as the Image Factory's YAML libraries resolve it.

Follows YAML 1.2's core schema with those libraries' additions: underscores and Go's prefixes in
integers, timestamps, and YAML 1.1's booleans and base-60 numbers as strings worth quoting.
"""

from __future__ import annotations

import math
import re
from datetime import date, time
from typing import Literal

__all__ = ["Kind", "is_legacy", "read_int", "resolve"]

Kind = Literal["null", "bool", "int", "float", "timestamp", "string"]

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOL = frozenset(("true", "True", "TRUE", "false", "False", "FALSE"))
_NOT_FINITE = re.compile(r"\.nan|\.NaN|\.NAN|[-+]?\.(?:inf|Inf|INF)")
_INT = re.compile(
    r"([-+]?)(?:(0[xX])([0-9a-fA-F]+)|(0[bB])([01]+)|(0[oO]?)([0-7]+)|(0)|([1-9][0-9]*))"
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt](?P<zoned>[0-9:.]+)(?:Z|[-+][0-9]{2}:[0-9]{2}))|(?: (?P<naive>[0-9:.]+)))?"
)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.[0-9]+)?")
_LEGACY_BOOL = re.compile(r"[yYnN]|yes|Yes|YES|on|On|ON|no|No|NO|off|Off|OFF")
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")


def resolve(text: str) -> Kind:
    """Return the kind of value that an unquoted scalar stands for."""
    if text in _NULL:
        return "null"
    if text in _BOOL:
        return "bool"
    if _NOT_FINITE.fullmatch(text):
        return "float"
    if text[0] not in "+-.0123456789":
        return "string"
    if read_int(text) is not None:
        return "int"
    if _is_finite_float(text.replace("_", "")):
        return "float"
    return "timestamp" if _is_timestamp(text) else "string"


def is_legacy(text: str) -> bool:
    """Tell whether YAML 1.1 would read the text as a boolean or a base-60 number."""
    return bool(_LEGACY_BOOL.fullmatch(text) or _BASE_60.fullmatch(text))


def read_int(text: str) -> int | None:
    """Return the integer that Go's `ParseInt(base 0)` reads, underscores removed, within 64 bits.

    A leading zero means octal; `08` is no integer.
    """
    match = _INT.fullmatch(text.replace("_", "")) if text[:1] != "_" else None
    if match is None:
        return None
    sign, _, hexadecimal, _, binary, _, octal, zero, decimal = match.groups()
    digits, base = next(
        (group, base)
        for group, base in ((hexadecimal, 16), (binary, 2), (octal, 8), (zero, 10), (decimal, 10))
        if group is not None
    )
    value = int(digits, base)
    if sign == "-":
        return -value if value <= 2**63 else None
    return value if value < (2**63 if sign else 2**64) else None


def _is_finite_float(text: str) -> bool:
    return bool(_FLOAT.fullmatch(text)) and math.isfinite(float(text))


def _is_timestamp(text: str) -> bool:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return False
    clock = match["zoned"] or match["naive"]
    parts = _CLOCK.fullmatch(clock) if clock else None
    if clock and parts is None:
        return False
    try:
        date(int(match[1]), int(match[2]), int(match[3]))
        if parts is not None:
            time(int(parts[1]), int(parts[2]), int(parts[3]))
    except ValueError:
        return False
    return True
