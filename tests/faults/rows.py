"""The rows of the fault matrix, its columns, what does not apply, and the document they make."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.faults.scene import Column
from tests.faults.stage import Cell

__all__ = ["CELLS", "COLUMNS", "DOCUMENT", "NOT_APPLICABLE", "ROWS", "cell", "render"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "fault-matrix.md"

COLUMNS: dict[Column, str] = {
    "asset": "asset download",
    "pull": "image pull",
    "push": "image push",
}

ROWS: dict[str, dict[str, str]] = {
    "The machine": {
        "kill": "kill -9 in mid-transfer",
        "power": "power lost in mid-transfer (what was not synced may be gone)",
        "disk-early": "full disk, no room for the blob",
        "disk-late": "full disk in mid-transfer",
    },
    "The line": {
        "reset": "unplugged in mid-body: connection reset",
        "closed": "unplugged in mid-body: connection closed early",
        "silence": "unplugged in mid-body: silence until the timeout",
        "no-answer": "silence before the answer, until the timeout",
        "lost-answer": "hung up without an answer",
    },
    "Continuing": {
        "200": "200 to a Range",
        "200-parallel": "200 to a Range asked for in parallel (a proxy strips it)",
        "off-by-one": "206 whose Content-Range is off by one",
        "other-total": "206 whose Content-Range has another total",
        "validator": "206 with another validator (ETag)",
        "no-range": "no ranges at all",
    },
    "Being kept waiting": {
        "429": "429, Retry-After in seconds",
        "503": "503, Retry-After as a date",
        "remaining": "rate-limit headers at zero",
    },
    "Wrong content": {
        "login": "HTML login page with 200",
        "short": "Content-Length too short",
        "long": "Content-Length too long",
        "gzip": "transparent gzip",
        "blob": "digest mismatch: a flipped byte in a blob",
        "manifest": "digest mismatch: a flipped byte in a manifest",
        "endless": "endless stream without Content-Length",
        "big-manifest": "oversized manifest",
        "big-tags": "oversized tags list",
        "names": "path traversal and odd names",
    },
    "Trust": {
        "elsewhere": "redirect to another host",
        "downgrade": "redirect from https to http",
        "redirects": "endless redirects",
        "token": "token that expires in mid-transfer",
        "authority": "untrusted authority",
        "client": "client certificate demanded, and none there",
        "proxy": "a proxy that refuses us",
    },
    "Upload deviants": {
        "no-status": "no upload status, after a cut",
        "range-is-length": "upload Range off by one, after a cut",
        "202": "202 for a wrong chunk range",
        "drops": "cut uploads are dropped (docker-registry 2.8)",
        "no-whole": "a PUT with a body is refused",
        "no-mount": "no mount between repositories",
        "no-referrers": "no referrers API",
    },
}

_DOWNLOADS: tuple[Column, ...] = ("asset", "pull")
NOT_APPLICABLE: dict[tuple[str, Column], str] = {
    ("manifest", "asset"): "a boot asset has no manifest; its sha512 is in the lock",
    ("big-manifest", "asset"): "a boot asset has no manifest",
    ("big-tags", "asset"): "a release has no tags list",
    ("200-parallel", "push"): "an upload is one stream, and so is what it reads",
    **{
        (row, column): "nothing is uploaded"
        for row in ROWS["Upload deviants"]
        for column in _DOWNLOADS
    },
}

CELLS: dict[tuple[str, Column], Cell] = {}


class cell:  # noqa: N801 - reads as the decorator it is
    """Register a function as the cells of a row, for these columns."""

    def __init__(self, row: str, *columns: Column) -> None:
        self._keys = [(row, column) for column in columns]

    def __call__(self, function: Cell) -> Cell:
        for key in self._keys:
            assert key not in CELLS, key
            CELLS[key] = function
        return function


_HEAD = """\
# Fault matrix

What happens when things go wrong, for each of the three transfers. Every cell is a test in
`tests/faults`; its words are what the test found, and a last test compares this page with them.
To write the page anew after a change: `AIRGAP_WRITE_FAULT_MATRIX=1 python -m pytest
tests/faults/test_fault_matrix.py`, and read the difference.

True of every cell, and asserted in each: while the fault lasts nothing partial is visible (every
blob under its name has its digest, every name reaches whole content, no tag without all below it),
and after it one more run leaves everything there, equal to the byte, and no bad or half-received
bytes behind. "Again" is what was moved more than once: for downloads the bytes the client received
beyond the content (a buffer of 1 MiB that a reset or a timeout found half-full is not counted), for
pushes the bytes the registry received beyond it, and where an image goes straight from its upstream
to the registry, what was read there again. The content is one layer or boot asset of 9 MiB and a
few small ones; a transfer that breaks does so after 6 MiB. Peers are the lab's simulators, the line
between is a real one on loopback; waits pass on a clock of the test's, timeouts are a quarter of a
second instead of a minute.
"""


def render(found: Mapping[tuple[str, Column], str], foot: str) -> str:
    """Return the document for what the cells found."""
    parts = [_HEAD]
    for group, rows in ROWS.items():
        parts.append(f"## {group}\n")
        parts.append(f"| fault | {' | '.join(COLUMNS.values())} |\n|---|---|---|---|")
        for row, title in rows.items():
            texts = [_text(found, row, column) for column in COLUMNS]
            parts.append(f"| {title} | {' | '.join(texts)} |")
        parts.append("")
    return "\n".join([*parts, foot])


def _text(found: Mapping[tuple[str, Column], str], row: str, column: Column) -> str:
    reason = NOT_APPLICABLE.get((row, column))
    return f"not applicable: {reason}" if reason else found[row, column]
