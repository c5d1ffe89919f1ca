"""How a string is written in the canonical text of a schematic: plain, quoted or as a block.

The choice follows the YAML libraries of the Image Factory (see `engine`), whose published and
probed vectors stand in tests/schematic. Lines are never folded.
"""

from __future__ import annotations

import re

from airgap.schematic.engine import Engine
from airgap.schematic.scalars import is_legacy, resolve

__all__ = ["quote_string"]

_BREAKS = "\n\u2028\u2029"
_UNPRINTABLE = re.compile("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
_SPACE_AT_BREAK = re.compile(f"[{_BREAKS}] | [{_BREAKS}]")
_BLOCK_REFUSED = re.compile(f" $| [{_BREAKS}]")
_PLAIN_REFUSED = re.compile(
    r"""[ #,\[\]{}&*!|>'"%@`]|---|\.\.\.|[?:-](?:[ ]|$)"""  # at the start
    r"""|.*(?:[ ]$|:[ ]|:$|[ ]\#)""",  # anywhere
    re.DOTALL,
)
_AFTER_BREAK = re.compile(r"(?<=[\u2028\u2029])(?=[^\n\u2028\u2029])")
_ESCAPES = {
    "\0": "0",
    "\a": "a",
    "\b": "b",
    "\t": "t",
    "\n": "n",
    "\v": "v",
    "\f": "f",
    "\r": "r",
    "\x1b": "e",
    '"': '"',
    "\\": "\\",
    "\x85": "N",
    "\u2028": "L",
    "\u2029": "P",
}


def quote_string(text: str, *, engine: Engine, column: int) -> str:
    """Return a string as it follows `key: ` or `- `, without the final line break.

    Args:
        text: Any text without surrogates.
        engine: The library whose habits to follow.
        column: Where the lines of a block begin.
    """
    if text == "":
        return '""'
    if "\n" in text:
        return _multi_line(text, engine, column)
    if resolve(text) != "string":
        return _double(text)
    if is_legacy(text):
        return _legacy(text, engine)
    if text == "<<" and engine is not Engine.V3:
        return _legacy(text, engine)
    return _single_line(text, column)


def _single_line(text: str, column: int) -> str:
    if _UNPRINTABLE.search(text) or _SPACE_AT_BREAK.search(text):
        return _double(text)
    if not _PLAIN_REFUSED.match(text) and not any(mark in text for mark in "\u2028\u2029"):
        return text
    return "'" + _indent_after_breaks(text.replace("'", "''"), column) + "'"


def _multi_line(text: str, engine: Engine, column: int) -> str:
    blank = text.strip(" \n") == "" and engine is not Engine.V3
    unprintable = _UNPRINTABLE.search(text.replace("\t", " "))
    if blank or unprintable or _BLOCK_REFUSED.search(text):
        return _double(text)
    return _literal(text, engine, column)


def _literal(text: str, engine: Engine, column: int) -> str:
    """Write a literal block; yaml.v3 loses a leading line break, and so the text here does too."""
    old_indicator = engine <= Engine.V4_RC3 and text.startswith("\n")
    indicator = "4" if text.startswith(" ") or old_indicator else ""
    body, breaks = text.rstrip("\n"), len(text) - len(text.rstrip("\n"))
    chomp = "-" if breaks == 0 else "+" if breaks > 1 or not body else ""
    if engine is Engine.V3:
        text = text.removeprefix("\n")
    pad = " " * column
    lines = [pad + _indent_after_breaks(line, column) if line else "" for line in text.split("\n")]
    if breaks:
        lines.pop()
    return "\n".join([f"|{indicator}{chomp}", *lines])


def _indent_after_breaks(text: str, column: int) -> str:
    return _AFTER_BREAK.sub(" " * column, text)


def _legacy(text: str, engine: Engine) -> str:
    return f"'{text}'" if engine >= Engine.V4_RC6 else _double(text)


def _double(text: str) -> str:
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return "\\" + _ESCAPES[character]
    if not _UNPRINTABLE.match(character):
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
