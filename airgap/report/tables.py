"""Markdown that a comment takes: code that stays code, tables, what is folded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from airgap.report.model import KeyChange
from airgap.report.wording import CODE, count_words, quote, short, visible

__all__ = ["ABSENT", "code", "fold", "key_cells", "plain", "table"]

ABSENT = "—"
_LONGEST = 400
_PIPE = re.compile(r"(\\*)\|")
_SECRET = "(secret, changed)"  # noqa: S105 - the words in place of one


def plain(text: str) -> str:
    """Return a sentence that Markdown takes as it is: no tag, no table, nobody called by @.

    What stands in backticks is code, whoever wrote it: nothing in code is live.
    """
    text, at, told = " ".join(text.split()), 0, ""
    for found in CODE.finditer(text):
        told += _escaped(text[at : found.start()]) + code(found[2].strip())
        at = found.end()
    return told + _escaped(text[at:])


def _escaped(text: str) -> str:
    text = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for character in "\\`|*_[]":
        text = text.replace(character, f"\\{character}")
    return text.replace("@", "&#64;")


def code(text: str, *, longest: int = _LONGEST) -> str:
    """Return a text as code, on one line, digests shortened."""
    text = visible(" ".join(short(text).split()))
    rest = len(text) - longest
    told = quote(text if rest <= 0 else text[:longest])
    # A pipe ends a table's cell even in code; behind a backslash it cannot be escaped.
    told = _PIPE.sub(lambda found: rf"{found[1]}\u007c" if found[1] else r"\|", told)
    return told if rest <= 0 else f"{told} … {count_words(rest, 'more character')} in the page"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def fold(summary: str, lines: Sequence[str], *, when: bool = True) -> Iterator[str]:
    """Yield lines behind a summary that opens them, or as they are."""
    if when:
        yield f"<details><summary>{summary}</summary>"
        yield ""
    yield from lines
    if when:
        yield "</details>"
        yield ""


def key_cells(key: KeyChange) -> tuple[str, str]:
    """Return what was and what is; of lists, what went and what came."""
    if key.secret:
        both = key.old is not None and key.new is not None
        return (
            (_SECRET, _SECRET)
            if both
            else ("(secret)" if key.old else ABSENT, "(secret)" if key.new else ABSENT)
        )
    if key.came or key.went:
        return _items("-", key.went), _items("+", key.came)
    if key.old is not None and key.new is not None and _is_order(key.old, key.new):
        return code(key.old), f"{code(key.new)} (another order)"
    return (
        ABSENT if key.old is None else code(key.old),
        ABSENT if key.new is None else code(key.new),
    )


def _items(sign: str, items: Sequence[str]) -> str:
    return "<br>".join(f"{sign} {code(item)}" for item in items) or ABSENT


def _is_order(old: str, new: str) -> bool:
    return ", " in old and old != new and sorted(old.split(", ")) == sorted(new.split(", "))
