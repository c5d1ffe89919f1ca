"""A pull request's comment: the report as it is, what else was done, what the engine says.

What is said never exceeds what a comment takes: reports are cut between lines, their findings last.
A preview is folded below the report, and only where it says something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.comments import MAX_CHARACTERS, marker
from tools.steps import DRIFT, PAGE, PREVIEW, PREVIEW_PAGE, PREVIEW_REPORT, REPORT, Step

__all__ = ["Reports", "write_comment"]

_MAX_OUTPUT = 1_000
_MAX_ERRORS = 4_000
"""Of a preview: what stopped it, with what policies refuse."""
_MAX_HEADLINE = 500
_PREVIEW_ROOM = 6_000
"""What a preview has beside a report of any length."""
_CLOSING_ROOM = 80
_FINDINGS = "\n### Policies\n"
_FENCE = re.compile(r"`{3,}")
_WRITTEN = frozenset({REPORT, PAGE, PREVIEW_REPORT, PREVIEW_PAGE})
"""Steps that a row is spent on only where they are not fit: what they wrote says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """What was written of a site.

    Attributes:
        report: The report's text; empty where there is none.
        preview: The same of the preview.
        pages: Where their HTML pages will be found, by file name; empty where nobody knows.
    """

    site: str
    report: str
    preview: str
    pages: Mapping[str, str]

    @classmethod
    def read(cls, out: Path, site: str, *, page: str) -> Reports:
        """Read them.

        Args:
            page: The pages' URL, with `{site}` where their names differ; empty where nobody knows.
        """
        names = (site, f"{site}.preview")
        files = [out / f"{name}.md" for name in names]
        texts = [
            file.read_text(encoding="utf-8").strip() if file.is_file() else "" for file in files
        ]
        pages = {name: page.replace("{site}", name) for name in names if page}
        return cls(site=site, report=texts[0], preview=texts[1], pages=pages)

    @property
    def is_same(self) -> bool:
        """Whether the preview says what the report says, but for what each was told by."""
        site, preview = self.pages.get(self.site), self.pages.get(f"{self.site}.preview")
        seen = self.preview.replace(preview, site) if site and preview else self.preview
        return _without_basis(seen) == _without_basis(self.report)

    @property
    def headline(self) -> str:
        """What the preview comes to; empty where that is too long for a row, or unknown."""
        first = self.preview.partition("\n")[0].removeprefix("## ")
        told = first.partition(": ")[2]
        return told if len(told) <= _MAX_HEADLINE else ""

    def whole(self, name: str) -> str:
        """Return where all of a report is."""
        page = self.pages.get(name)
        return f"{name}.md, [and as a page]({page})" if page else f"{name}.md"


def _without_basis(text: str) -> tuple[str, str]:
    """Return headline and body: between them stands what a report was told by."""
    headline, _, rest = text.partition("\n\n")
    return headline, rest.partition("\n\n")[2]


def write_comment(reports: Reports, steps: Sequence[Step]) -> str:
    """Return a comment, short enough with its marker."""
    report = reports.report or _no_report(reports.site, steps)
    told = [step for step in steps if step.title not in _WRITTEN or not step.is_fit]
    rows = [f"| {step.title} | {step.verdict}{_detail(step, reports)} |" for step in told]
    table = "\n".join(["| step | verdict |", "|---|---|", *rows])
    folded = "".join(
        _folded_output(", ".join(step.title for step in same), same[0])
        for same in _by_output(told, reports)
    )
    room = MAX_CHARACTERS - len(marker(reports.site)) - len(table) - len(folded) - 10
    preview = _folded_preview(reports, max(_PREVIEW_ROOM, room - len(report)))
    kept = _cut_report(report, room - len(preview), reports.whole(reports.site))
    return f"{kept}\n\n{table}\n{folded}{preview}"


def _by_output(steps: Sequence[Step], reports: Reports) -> list[list[Step]]:
    """Return the steps whose output is to be told, those together that say the same.

    Where there is no report, what it said stands in its place; a site that cannot be read is told
    so by every step.
    """
    told: dict[str, list[Step]] = {}
    for step in steps:
        is_section = step.title == DRIFT and bool(reports.report) and not step.is_broken
        if step.code != 0 and not is_section:
            told.setdefault(step.output, []).append(step)
    if not reports.report:
        told.pop(_said_of_report(steps), None)
    return list(told.values())


def _said_of_report(steps: Sequence[Step]) -> str:
    return next((step.output for step in steps if step.title == REPORT), "")


def _no_report(site: str, steps: Sequence[Step]) -> str:
    said = _fence(_cut(_said_of_report(steps), _MAX_OUTPUT, "the log"))
    return f"### {site}: no report\n\n{said}"


def _detail(step: Step, reports: Reports) -> str:
    if step.title != PREVIEW or not reports.preview:
        return ""
    same = " (as reported above)" if reports.is_same else ""
    return f"{same}: {reports.headline}" if reports.headline else same


def _folded_output(title: str, step: Step) -> str:
    limit = _MAX_ERRORS if step.title == PREVIEW else _MAX_OUTPUT
    return _fold(title, _fence(_cut(step.output, limit, step.whole)))


def _folded_preview(reports: Reports, room: int) -> str:
    """Return the preview's report, short enough; nothing where it says the same."""
    if not reports.preview or reports.is_same:
        return ""
    title = "What the engine says, against the stack's state"
    name = f"{reports.site}.preview"
    return _fold(
        title, _cut_report(reports.preview, room - len(_fold(title, "")), reports.whole(name))
    )


def _fold(title: str, text: str) -> str:
    return f"\n<details><summary>{title}</summary>\n\n{text}\n\n</details>\n"


def _fence(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"


def _cut_report(text: str, room: int, rest: str) -> str:
    """Return a report that is short enough: its findings stay, what stands before them goes."""
    if len(text) <= room:
        return text
    before, heading, after = text.partition(_FINDINGS)
    if not heading:
        return _cut(text, room, rest)
    findings, following, more = after.partition("\n### ")
    told = _cut(f"{_FINDINGS}{findings}".strip(), room // 2, rest)
    others = f"{before}{following}{more}".strip()
    return f"{_cut(others, room - len(told) - 2, rest)}\n\n{told}"


def _cut(text: str, room: int, rest: str) -> str:
    """Return text that is short enough: cut between lines, open folds closed, and said so."""
    if len(text) <= room:
        return text
    note = f"… {len(text)} more characters are in {rest}"  # at least as long as the one that is
    before = text[: max(0, room - len(note) - _CLOSING_ROOM)]
    kept = before.rpartition("\n")[0] or before  # one line that is too long is cut in it
    kept_whole = f"{kept}{_closing(kept)}"
    return f"{kept_whole}\n\n… {len(text) - len(kept)} more characters are in {rest}"


def _closing(text: str) -> str:
    """Return what closes the fence and the folds that are open at the end of a text."""
    fence = ""
    depth = 0
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[0]
        elif fence and line.strip() == fence:
            fence = ""
        elif not fence:
            depth += line.count("<details") - line.count("</details>")
    return (f"\n{fence}" if fence else "") + "\n\n</details>" * depth
