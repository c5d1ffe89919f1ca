"""HTML from values: everything escaped, digests whole, what changed marked by a word as well."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from airgap.report.model import KeyChange, Pin
from airgap.report.tables import ABSENT
from airgap.report.wording import CODE, visible

__all__ = ["MARKS", "cell", "code", "escape", "inline", "key_cells", "mark", "pins", "table"]

MARKS = {"added": "+ new", "changed": "~ changed", "removed": "− gone", "same": "same"}  # noqa: RUF001 - a minus is meant
_SECRET = '<span class="secret">(secret, changed)</span>'  # noqa: S105 - the words in place of one


def escape(text: str) -> str:
    """Return a text as HTML, fit for an attribute too."""
    return html.escape(visible(text), quote=True)


def inline(text: str) -> str:
    """Return a sentence as HTML; what stands in backticks is code."""
    return CODE.sub(lambda found: f"<code>{found[2].strip()}</code>", escape(text))


def code(text: str) -> str:
    """Return a text as code."""
    return f"<code>{escape(text) or '&quot;&quot;'}</code>"


def mark(standing: str) -> str:
    """Return what became of something, as a badge."""
    return f'<span class="mark {standing}">{MARKS[standing]}</span>'


def cell(text: str) -> str:
    """Return a cell's content, or that there is none."""
    return text or f'<span class="absent">{ABSENT}</span>'


def pins(found: Sequence[Pin]) -> str:
    """Return tags and digests, each whole."""
    return cell(
        "<br>".join(
            f"{f'<strong>{escape(pin.tag)}</strong> ' if pin.tag else ''}{code(pin.digest)}"
            for pin in found
        )
    )


def key_cells(key: KeyChange) -> tuple[str, ...]:
    """Return what was and what is, as HTML."""
    if key.secret:
        return tuple(cell(_SECRET if side is not None else "") for side in (key.old, key.new))
    if key.came or key.went:
        gone = "<br>".join(f"<del>{code(item)}</del>" for item in key.went)
        come = "<br>".join(f"<ins>{code(item)}</ins>" for item in key.came)
        return cell(gone), cell(come)
    return (
        cell("" if key.old is None else code(key.old)),
        cell("" if key.new is None else code(key.new)),
    )


def table(
    caption: str, head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]
) -> Iterator[str]:
    """Yield a table; the first cell of each row is its heading, and the row has an ID."""
    heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    yield f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption)}">'
    yield f"<table><thead><tr>{heads}</tr></thead>"
    yield "<tbody>"
    for identity, (first, *others) in rows:
        place = f' id="{escape(identity)}" tabindex="-1"' if identity else ""
        cells = "".join(f"<td>{each}</td>" for each in others)
        yield f'<tr{place}><th scope="row">{first}</th>{cells}</tr>'
    yield "</tbody></table></div>"
