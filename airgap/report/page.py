"""The report as one HTML page: no outside asset, no network, and none can be asked (its CSP)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from airgap.report.markup import escape, inline
from airgap.report.model import Report
from airgap.report.page_sections import Section, write_sections
from airgap.report.page_style import SCRIPT, STYLE
from airgap.report.picture import draw
from airgap.report.wording import BASIS_WORDS, count_words, unfinished_words

__all__ = ["write_page"]


def write_page(report: Report) -> str:
    """Return the page, whole."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    sections = (_picture(report), *write_sections(report))
    title = f"{report.site}: {report.headline}".replace("`", "")
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_policy()}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f"<title>{escape(title)}</title>"
    yield f"<style>{STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield '<a class="skip" href="#main">Skip to the report</a>'
    yield from _header(report)
    yield '<div class="columns">'
    yield from _navigation(sections)
    yield '<main id="main" tabindex="-1">'
    for section in sections:
        yield f'<section id="{section.id}" aria-labelledby="{section.id}-title" tabindex="-1">'
        yield f'<h2 id="{section.id}-title">{escape(section.title)}</h2>'
        yield from section.lines
        yield "</section>"
    yield "</main>"
    yield "</div>"
    yield (
        f"<footer><p>sidero-airgap, report version {report.report_version}. This page is whole: it "
        "asks for nothing outside itself.</p></footer>"
    )
    yield f"<script>{SCRIPT}</script>"
    yield "</body>"
    yield "</html>"


def _policy() -> str:
    """Return a content security policy that lets exactly this style and this script through."""
    style, script = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (STYLE, SCRIPT)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _header(report: Report) -> Iterator[str]:
    basis = report.basis
    told = escape(BASIS_WORDS[basis.kind])
    yield "<header>"
    yield f"<h1>{escape(report.site)}</h1>"
    yield f'<p class="headline">{inline(report.headline)}</p>'
    yield f'<p class="basis">From {inline(basis.base)} to {inline(basis.head)}. {told}</p>'
    for note in basis.notes:
        yield f'<p class="basis">{inline(note)}</p>'
    if basis.unfinished:
        told = inline(unfinished_words(basis))
        yield f'<p class="verdict refused">This is not whole: {told}</p>'
    if report.violations:
        words = count_words(report.violations, "policy violation")
        link = '<a href="#policies">what the policies say</a>'
        yield f'<p class="verdict refused">{words}: {link}</p>'
    elif basis.unfinished:
        yield '<p class="basis">No policy is violated by what is seen.</p>'
    else:
        yield '<p class="verdict passed">No policy is violated.</p>'
    if report.weakened:
        told = inline("; ".join(report.weakened))
        yield f'<p class="verdict refused">Policies are weakened: {told}.</p>'
    yield "</header>"


def _navigation(sections: tuple[Section, ...]) -> Iterator[str]:
    yield '<nav aria-label="Sections"><ul>'
    for section in sections:
        yield f'<li><a href="#{section.id}">{escape(section.title)}</a></li>'
    yield "</ul></nav>"


def _picture(report: Report) -> Section:
    return Section(
        id="topology",
        title="Topology",
        lines=(
            '<p class="for-screens">Each thing leads to what changes of it.</p>',
            '<div class="scroll picture" tabindex="0" role="group" aria-label="Picture">',
            draw(report.topology),
            "</div>",
        ),
    )
