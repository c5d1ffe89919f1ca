"""A reader of one scalar as YAML 1.2.2 has it (chapters 7.3 and 8.1.2), apart from any library.

It reads what stands after `key: ` and nothing else; blocks are given with the column of their text.
"""

from __future__ import annotations

import re

__all__ = ["is_plain_string", "read_scalar"]

_ESCAPE = re.compile(r'\\(?:x([0-9A-F]{2})|u([0-9A-F]{4})|U([0-9A-F]{8})|([0abtnvfre"\\N_LP]))')
_SHORT = dict(zip('0abtnvfre"\\N_LP', '\0\a\b\t\n\v\f\r\x1b"\\\x85\xa0\u2028\u2029', strict=True))
_HEADER = re.compile(r"\|(4?)([-+]?)\n")
# 10.3.2, the core schema, and what YAML 1.1 has beside it: no plain text may look like these.
_TYPED = re.compile(
    r"~|null|Null|NULL|true|True|TRUE|false|False|FALSE|y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off"
    r"|Off|OFF|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN|[0-9]{4}-[0-9]{2}-[0-9]{2}|<<"
)


def read_scalar(written: str, *, column: int) -> str:
    """Return the text; a block's lines begin at the column."""
    if written.startswith('"'):
        assert written.endswith('"')
        return _ESCAPE.sub(_unescape, written[1:-1])
    if written.startswith("'"):
        assert written.endswith("'")
        return written[1:-1].replace("''", "'")
    return _block(written, column) if written.startswith("|") else written


def is_plain_string(written: str) -> bool:
    """Tell whether plain text is text to every reader, and no indicator begins it (7.3.3)."""
    indicator = re.match(r"[-?:](?: |$)|[,\[\]{}#&*!|>'\"%@` ]", written)
    ends = re.search(r": |:$| #| $|\n", written)
    return not (indicator or ends or _TYPED.fullmatch(written))


def _unescape(match: re.Match[str]) -> str:
    *codes, short = match.groups()
    return _SHORT[short] if short else chr(int(next(code for code in codes if code), 16))


def _block(written: str, column: int) -> str:
    header = _HEADER.match(written)
    assert header is not None, written
    lines = written[header.end() :].split("\n")
    assert all(not line or line.startswith(" " * column) for line in lines), written
    text = "\n".join(line[column:] for line in lines)
    if header[2] == "-":
        assert not text.endswith("\n")
    elif header[2] == "":
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
    return text
