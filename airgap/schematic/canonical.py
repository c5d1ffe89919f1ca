"""The canonical text of a schematic, byte for byte, and the ID that is its sha256.

Keys stand in the model's order and empty ones are left out; lists are never sorted; only the keys
of `overlay.options` are sorted, in the factory's natural order. Indent is 4, also of sequences.
The factory's answer to a registration remains the authority: the ID here predicts and checks it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cmp_to_key
from itertools import takewhile

from pydantic import JsonValue

from airgap.schematic.engine import Engine, engine_of
from airgap.schematic.model import Customization, Schematic
from airgap.schematic.strings import ends_line, quote_string

__all__ = ["canonical_yaml", "plain_schematic", "schematic_id", "strings_of"]


def canonical_yaml(schematic: Schematic, *, factory: str | None = None) -> str:
    """Return the text that an Image Factory of that version hashes (the newest when not given)."""
    return "".join(_mapping(plain_schematic(schematic), 0, engine_of(factory)))


def schematic_id(schematic: Schematic, *, factory: str | None = None) -> str:
    """Return the schematic ID: 64 hex digits."""
    text = canonical_yaml(schematic, factory=factory)
    return hashlib.sha256(text.encode()).hexdigest()


def plain_schematic(schematic: Schematic) -> dict[str, JsonValue]:
    """Return the schematic as plain values in canonical order, empty ones left out."""
    overlay = schematic.overlay
    part: dict[str, JsonValue] = {"image": overlay.image, "name": overlay.name}
    if overlay.options:
        part["options"] = _sorted_options(overlay.options)
    tree: dict[str, JsonValue] = {}
    if schematic.owner:
        tree["owner"] = schematic.owner
    if overlay.image or overlay.name or overlay.options:
        tree["overlay"] = part
    tree["customization"] = _plain_customization(schematic.customization)
    return tree


def strings_of(value: JsonValue, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of plain values with its path, keys included."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings_of(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            at = f"{path}.{key}" if path else key
            yield at, key
            yield from strings_of(item, at)


def _plain_customization(custom: Customization) -> dict[str, JsonValue]:
    secureboot: dict[str, JsonValue] = {
        "enrollKeys": custom.secureboot.enroll_keys,
        "includeWellKnownCertificates": custom.secureboot.include_well_known_certificates,
    }
    sector_size = custom.disk_image.sector_size
    tree: dict[str, JsonValue] = {
        "embeddedMachineConfiguration": custom.embedded_machine_configuration,
        "extraKernelArgs": list(custom.extra_kernel_args),
        "meta": [{"key": item.key, "value": item.value} for item in custom.meta],
        "systemExtensions": _filled(
            {"officialExtensions": list(custom.system_extensions.official_extensions)}
        ),
        "bootloader": "" if custom.bootloader == "none" else custom.bootloader,
        "secureboot": _filled(secureboot),
        "diskImage": _filled({"sectorSize": sector_size}),
    }
    return _filled(tree)


def _filled(tree: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {key: value for key, value in tree.items() if value}


def _sorted_options(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        keys = sorted(value, key=cmp_to_key(_compare_keys))
        return {key: _sorted_options(value[key]) for key in keys}
    return [_sorted_options(item) for item in value] if isinstance(value, list) else value


def _compare_keys(left: str, right: str) -> int:
    """Compare naturally: letters by code, digit runs as numbers, anything else before letters."""
    same = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False))))
    if same == min(len(left), len(right)):
        return len(left) - len(right)
    one, other = left[same], right[same]
    if one.isalpha() and other.isalpha():
        return ord(one) - ord(other)
    if one.isalpha() or other.isalpha():
        after_digit = same > 0 and left[same - 1].isdecimal()
        return -1 if one.isalpha() == after_digit else 1
    return _compare_numbers(left, right, same) or ord(one) - ord(other)


def _compare_numbers(left: str, right: str, same: int) -> int:
    """Compare the digit runs at the first difference; a zero counts only inside a number."""
    shared = "".join(takewhile(str.isdecimal, reversed(left[:same])))
    inside = "0" in (left[same], right[same]) and shared.strip("0") != ""
    lead = "1" if inside else "0"
    runs = ["".join(takewhile(str.isdecimal, text[same:])) for text in (left, right)]
    values = [int(lead + run) for run in runs]
    return values[0] - values[1] or len(runs[0]) - len(runs[1])


def _mapping(tree: Mapping[str, JsonValue], column: int, engine: Engine) -> list[str]:
    """Return the lines of a block mapping whose keys stand at the column."""
    lines: list[str] = []
    for key, value in tree.items():
        name = quote_string(key, engine=engine, column=column)
        lines += _entry(" " * column + name + ":", value, _next_column(column), engine)
    return lines


def _sequence(items: Sequence[JsonValue], column: int, engine: Engine) -> list[str]:
    """Return the lines of a block sequence whose dashes stand at the column."""
    lines: list[str] = []
    for item in items:
        dash, inner = " " * column + "- ", column + 2
        if isinstance(item, dict | list) and item:
            nested = _block(item, inner, engine)
            lines += [dash + nested[0][inner:], *nested[1:]]
        else:
            lines += _entry(dash[:-1], item, inner, engine)
    return lines


def _entry(head: str, value: JsonValue, column: int, engine: Engine) -> list[str]:
    if isinstance(value, dict | list) and value:
        return [head + "\n", *_block(value, column, engine)]
    written = _scalar(value, column, engine)
    return [f"{head} {written}" + ("" if ends_line(written) else "\n")]


def _block(
    value: Mapping[str, JsonValue] | Sequence[JsonValue], column: int, engine: Engine
) -> list[str]:
    if isinstance(value, Mapping):
        return _mapping(value, column, engine)
    return _sequence(value, column, engine)


def _next_column(column: int) -> int:
    """The next multiple of 4: also from inside a sequence, where keys stand two after the dash."""
    return 4 * (column // 4 + 1)


def _scalar(value: JsonValue, column: int, engine: Engine) -> str:
    if isinstance(value, str):
        return quote_string(value, engine=engine, column=column)
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _float(value)


def _float(value: float) -> str:
    """Write a float shortest, as Go's `FormatFloat(value, 'g', -1, 64)` does."""
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    sign, digits, _ = (decimal := Decimal(repr(value)).normalize()).as_tuple()
    power = decimal.adjusted()
    if value == 0 or -4 <= power < 6:
        return f"{decimal:f}"
    head, rest = digits[0], "".join(map(str, digits[1:]))
    return f"{'-' * sign}{head}{'.' * bool(rest)}{rest}e{power:+03d}"
