"""Unit files in systemd's syntax (systemd.syntax(7)): sections, `Key=value`, repeated keys.

Keys are sorted, and sections come as systemd's own units have them: `Unit` first, `Install` last;
mappings lose their order on the way through the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

__all__ = ["render_unit"]

_PLACES = {"Unit": 0, "Install": 2}


def render_unit(sections: Mapping[str, object]) -> str:
    """Return the unit's text; a list gives its key once an item, in order.

    Raises:
        ValueError: A section is no mapping, or a value would break its line.
    """
    ordered = sorted(sections, key=lambda name: (_PLACES.get(name, 1), name))
    return "\n".join(_render_section(name, sections[name]) for name in ordered)


def _render_section(name: str, keys: object) -> str:
    if not isinstance(keys, Mapping):
        raise ValueError(f"section [{name}]: expected keys, got {type(keys).__name__}")
    return "".join([f"[{name}]\n", *_lines(keys)])


def _lines(keys: Mapping[str, object]) -> Iterator[str]:
    for key, value in sorted(keys.items()):
        repeated = isinstance(value, Sequence) and not isinstance(value, str)
        for item in value if repeated and isinstance(value, Sequence) else (value,):
            if "\n" in str(item):
                raise ValueError(f"{key}: a value of several lines does not fit a unit file")
            yield f"{key}={item}\n"
