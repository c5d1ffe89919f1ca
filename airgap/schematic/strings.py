"""How a string is written in the canonical text of a schematic: plain, quoted or as a block.

The choice follows the YAML libraries of the Image Factory (see `engine`), whose published and
probed vectors stand in tests/schematic. Lines are never folded.
"""

from __future__ import annotations

import re

from airgap.schematic.engine import Engine
from airgap.schematic.scalars import is_legacy, resolve

__all__ = ["ends_line", "quote_string"]

_BREAKS = "\n\u2028\u2029"
_LINE = re.compile(f"[^{_BREAKS}]+")
_UNPRINTABLE = re.compile("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
_SPACE_AT_BREAK = re.compile(f"[{_BREAKS}] | [{_BREAKS}]")
_BLOCK_REFUSED = re.compile(f" $| [{_BREAKS}]")
_PLAIN_REFUSED = re.compile(
    r"""[ #,\[\]{}&*!|>'"%@`]|---|\.\.\.|[?:-](?:[ ]|$)"""  # at the start
    r"""|.*(?:[ ]$|:[ ]|:$|[ ]\#)""",  # anywhere
    re.DOTALL,
)
_AFTER_BREAK = re.compile(r"(?<=[\u2028\u2029])(?=[^\n\u2028\u2029])")
_BYTE_ORDER_MARK = "\ufeff"
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
    """Return a string as it follows `key: ` or `- `; with a line break at the end if it has one.

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


def ends_line(written: str) -> bool:
    """Tell whether what `quote_string` returned ends its line, as blocks with a break do."""
    return written.endswith(tuple(_BREAKS))


def _single_line(text: str, column: int) -> str:
    if _UNPRINTABLE.search(text) or _SPACE_AT_BREAK.search(text):
        return _double(text)
    if not _PLAIN_REFUSED.match(text) and not any(mark in text for mark in "\u2028\u2029"):
        return text
    return "'" + _indent_after_breaks(text.replace("'", "''"), column) + "'"


def _multi_line(text: str, engine: Engine, column: int) -> str:
    blank = text.isspace() and engine is not Engine.V3
    unprintable = _UNPRINTABLE.search(text.replace("\t", " "))
    if blank or unprintable or _BLOCK_REFUSED.search(text):
        return _double(text)
    return _literal(text, engine, column)


def _literal(text: str, engine: Engine, column: int) -> str:
    """Write a literal block; yaml.v3 loses a leading line break, and so the text here does too.

    A line of no text has no indent; U+2028 and U+2029 break lines as well, and end the block
    without another line break.
    """
    hint = " " + (_BREAKS if engine <= Engine.V4_RC3 else "")
    indicator = "4" if text[0] in hint else ""
    breaks = len(text) - len(text.rstrip(_BREAKS))
    chomp = "-" if breaks == 0 else "+" if breaks > 1 or breaks == len(text) else ""
    head = "" if engine is Engine.V3 and text[0] in _BREAKS else "\n"
    body = _LINE.sub(" " * column + r"\g<0>", text)
    return f"|{indicator}{chomp}{head}{body}"


def _indent_after_breaks(text: str, column: int) -> str:
    return _AFTER_BREAK.sub(" " * column, text)


def _legacy(text: str, engine: Engine) -> str:
    return f"'{text}'" if engine >= Engine.V4_RC6 else _double(text)


def _double(text: str) -> str:
    every = text.startswith(_BYTE_ORDER_MARK)
    return '"' + "".join(_escape(character, every=every) for character in text) + '"'


def _escape(character: str, *, every: bool) -> str:
    """Escape a character that has to be, or `every` one: so texts after a byte order mark are."""
    if character in _ESCAPES:
        return "\\" + _ESCAPES[character]
    if not every and not _UNPRINTABLE.match(character):
        return character
    if character == "\xa0":
        return "\\_"
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
