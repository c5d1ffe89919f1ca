"""The report as Markdown that fits a pull request's comment.

Long tables are folded. Where even that is too long, what goes first is what the page has anyway
(reasons, files, digests in full); what changes is named in every form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from airgap.progress.words import count_bytes
from airgap.report.contents import NEEDS
from airgap.report.markdown_settings import write_settings
from airgap.report.model import AssetChange, FindingChange, ImageChange, Pin, Report
from airgap.report.tables import ABSENT, code, fold, key_cells, plain, table
from airgap.report.wording import (
    BASIS_WORDS,
    DRIFT,
    LONG,
    NEED_WORDS,
    amount_words,
    count_words,
    join_words,
    need_words,
    platform_words,
    short,
    time_words,
    unfinished_words,
)

__all__ = ["MARKDOWN_LIMIT", "write_markdown"]

MARKDOWN_LIMIT = 60_000
"""Characters: a comment takes 65,536, and whoever posts it adds a line or two."""

_FOLDED = 12
"""Rows that stand open."""
_SIGNS = {"added": "new", "changed": "changed", "removed": "gone"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How much is written: from all there is to names alone."""

    reasons: bool = True
    files: bool = True
    tables: bool = True
    config: bool = True


_FORMS = (
    _Form(),
    _Form(files=False),
    _Form(files=False, reasons=False),
    _Form(files=False, reasons=False, tables=False),
    _Form(files=False, reasons=False, tables=False, config=False),
)


def write_markdown(report: Report, *, page: str = "", limit: int = MARKDOWN_LIMIT) -> str:
    """Return the report as Markdown.

    Args:
        report: What to write.
        page: The URL of the HTML page, which digests then link into; none without.
        limit: Characters at most.
    """
    for form in _FORMS:
        text = "\n".join(_lines(report, form, page)) + "\n"
        if len(text) <= limit:
            whole = "" if page else _digests(text, report)
            return text + whole if len(text + whole) <= limit else text
    return _cut(text, limit)


def _digests(text: str, report: Report) -> str:
    """Return the whole of what is shortened in a text, folded: a page would have it otherwise."""
    found = LONG.finditer(report.model_dump_json(by_alias=True))
    known = {short(each[0]): each[0] for each in found}
    told = [whole for cut, whole in known.items() if cut in text]
    if not told:
        return ""
    lines = ["```text", *sorted(told), "```", ""]
    title = f"All digests in full: {len(told)}"
    return "\n".join(fold(title, lines)) + "\n"


def _cut(text: str, limit: int) -> str:
    """Return the beginning of a text, and say so: no site known is as large as that."""
    last = "\n\n**Too long for a comment: this is its beginning; the HTML page has all of it.**\n"
    end = "\n</details>\n"
    kept = text[: limit - len(last) - 2 * len(end)].rpartition("\n")[0]
    open_ones = kept.count("<details>") - kept.count("</details>")
    return kept + end * open_ones + last


def _lines(report: Report, form: _Form, page: str) -> Iterator[str]:
    yield f"## {plain(report.site)}: {plain(report.headline)}"
    yield ""
    yield from _basis(report, page, form)
    yield from _verdict(report)
    if not report.is_empty:
        yield from _reach(report)
    yield from _findings(report)
    yield from _drift(report, form)
    if not report.is_empty:
        yield from _versions(report)
        yield from _images(report, form, page)
        yield from _assets(report, form, page)
        yield from _schematics(report)
        yield from write_settings(report, config=form.config)
        yield from _transfer(report)
    if form.files:
        yield from _files(report)


def _basis(report: Report, page: str, form: _Form) -> Iterator[str]:
    basis = report.basis
    yield f"From {plain(basis.base)} to {plain(basis.head)}. {BASIS_WORDS[basis.kind]}"
    for note in basis.notes:
        yield f"{plain(note)}"
    if page:
        yield f"[The same as a page, with the topology as a picture]({page})"
    if form != _FORMS[0]:
        yield "Some detail is left out to fit a comment; everything that changes is named below."
    yield ""


def _verdict(report: Report) -> Iterator[str]:
    new = [each for each in report.findings if each.standing == "new"]
    mandatory = report.violations
    notes = sum(each.level != "mandatory" and each.standing != "gone" for each in report.findings)
    if report.basis.unfinished:
        yield f"⛔ **This is not whole:** {plain(unfinished_words(report.basis))}"
        yield ""
    fresh = sum(each.level == "mandatory" for each in new)
    if mandatory:
        which = f"{fresh} new" if fresh else "all in the base already"
        yield (
            f"⛔ **{count_words(mandatory, 'policy violation')}** ({which}): the policies refuse "
            "what this leads to."
        )
    else:
        told = f", {count_words(notes, 'note')}" if notes else ""
        sign, seen = ("", " by what is seen") if report.basis.unfinished else ("✅ ", "")
        yield f"{sign}No policy is violated{seen}{told}."
    if report.weakened:
        yield ""
        yield f"⚠️ **Policies are weakened:** {plain('; '.join(report.weakened))}."
    yield ""


def _reach(report: Report) -> Iterator[str]:
    yield "### Whom it reaches"
    yield ""
    reach = report.reach
    for title, sentences in (
        ("Servers provisioned from now on, or with `pxeBootAlways`", reach.provisioned),
        ("Machines that run", reach.running),
        ("Pulls by machines that run", reach.pulls),
    ):
        if len(sentences) == 1:
            yield f"- **{title}:** {plain(sentences[0])}"
        elif sentences:
            yield f"- **{title}:**"
            yield from (f"  - {plain(sentence)}" for sentence in sentences)
        else:
            yield f"- **{title}:** not reached."
    yield ""


def _drift(report: Report, form: _Form) -> Iterator[str]:
    if not report.drift:
        return
    yield f"### {DRIFT}"
    yield ""
    told = report.drift if form.tables else report.drift[:_FOLDED]
    rows = [(code(item.path), *key_cells(item)) for item in told]
    lines = list(table(("", "by the base's lock", "found"), rows))
    yield from fold(count_words(len(rows), "thing"), lines, when=len(rows) > _FOLDED)
    if rest := len(report.drift) - len(told):
        yield f"And {rest} more: `python -m airgap receipt --compare` names them, and the page."
        yield ""


def _versions(report: Report) -> Iterator[str]:
    if not report.versions:
        return
    yield "### Versions"
    yield ""
    rows = [
        (
            plain(each.what),
            *(plain(join_words(side, ", ")) or ABSENT for side in (each.old, each.new)),
        )
        for each in report.versions
    ]
    yield from table(("", "before", "after"), rows)


def _images(report: Report, form: _Form, page: str) -> Iterator[str]:
    if not (report.images or report.needs or report.platforms):
        return
    tally = _tally(report, report.images)
    yield f"### Images: {tally}" if tally else "### Images"
    yield ""
    staying = [f"- {plain(platform_words(each))}" for each in report.platforms]
    staying += [f"- {plain(need_words(each))}" for each in report.needs]
    if staying:
        title = f"Images that stay: {count_words(len(staying), 'change')}"
        yield from fold(title, [*staying, ""], when=len(staying) > _FOLDED)
    for need, group in groupby(report.images, key=lambda image: image.need):
        images = list(group)
        title = f"{NEED_WORDS.get(need) or plain(need)}: {_tally(report, images)}"
        lines = list(_image_rows(report, images, form, page))
        folded = len(images) > _FOLDED or need == NEEDS[-1]
        if not folded:
            yield f"**{title}**"
            yield ""
        yield from fold(title, lines, when=folded)


def _image_rows(
    report: Report, images: Sequence[ImageChange], form: _Form, page: str
) -> Iterator[str]:
    if not form.tables:
        for image in images:
            tags = " → ".join(_tags(pins) for pins in (image.old, image.new) if pins)
            yield f"- {_SIGNS[image.mark]}: {code(image.repository)} {tags}"
        yield ""
        return
    head = ("", "image", *_sides(report), "at most", "why it is there")
    rows = [
        (
            _SIGNS[image.mark],
            code(image.repository),
            _pins(image.old, image.id, page),
            _pins(image.new, image.id, page),
            ABSENT if image.size_bytes is None else count_bytes(image.size_bytes),
            plain("; ".join(image.why)) or ABSENT,
        )
        for image in images
    ]
    count = len(head) if form.reasons else len(head) - 1
    yield from table(head[:count], [row[:count] for row in rows])


def _tags(pins: Sequence[Pin]) -> str:
    return ", ".join(code(pin.tag or pin.digest) for pin in pins)


def _pins(pins: Sequence[Pin], anchor: str, page: str) -> str:
    if not pins:
        return ABSENT
    return "<br>".join(_pin(pin, anchor, page) for pin in pins)


def _pin(pin: Pin, anchor: str, page: str) -> str:
    digest = code(pin.digest)
    linked = f"[{digest}]({page}#{anchor})" if page else digest
    return f"{code(pin.tag)} {linked}" if pin.tag else linked


def _sides(report: Report) -> tuple[str, str]:
    return ("in the state", "found") if report.basis.kind == "refresh" else ("before", "after")


def _tally(report: Report, changes: Sequence[ImageChange] | Sequence[AssetChange]) -> str:
    moved = "drifted" if report.basis.kind == "refresh" else "updated"
    words = (("changed", moved), ("added", "added"), ("removed", "removed"))
    counts = ((sum(each.mark == mark for each in changes), word) for mark, word in words)
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def _assets(report: Report, form: _Form, page: str) -> Iterator[str]:
    if not report.assets:
        return
    yield f"### Boot assets: {_tally(report, report.assets)}"
    yield ""

    def digest(text: str, anchor: str) -> str:
        if not text:
            return ABSENT
        return f"[{code(text)}]({page}#{anchor})" if page else code(text)

    head = ("", "file", *_sides(report), "size", "why it is there")
    rows = [
        (
            _SIGNS[asset.mark],
            code(asset.name),
            digest(asset.old, asset.id),
            digest(asset.new, asset.id),
            ABSENT if asset.size_bytes is None else count_bytes(asset.size_bytes),
            plain("; ".join(asset.why)) or ABSENT,
        )
        for asset in report.assets
    ]
    count = len(head) if form.reasons else len(head) - 1
    lines = list(table(head[:count], [row[:count] for row in rows]))
    yield from fold(count_words(len(report.assets), "boot asset"), lines, when=len(rows) > _FOLDED)


def _schematics(report: Report) -> Iterator[str]:
    if not report.schematics:
        return
    yield "### Schematics"
    yield ""
    for change in report.schematics:
        classes = join_words([code(name) for name in change.classes])
        noun = "server class" if len(change.classes) == 1 else "server classes"
        replaced = join_words([code(old) for old in change.replaces])
        came = f", in place of {replaced}" if replaced else ""
        yield f"{_SIGNS[change.mark]}: {code(change.schematic_id)} of {noun} {classes}{came}:"
        yield ""
        yield from (f"- {plain(line)}" for line in change.content or ("nothing beyond a release",))
        for key in change.keys:
            old, new = key_cells(key)
            told = [cell for cell in (old, new) if cell != ABSENT]
            yield f"- against the one before: {code(key.path)}: {', '.join(told)}"
        yield ""


def _transfer(report: Report) -> Iterator[str]:
    transfer = report.transfer
    yield "### Bytes"
    yield ""
    if not any(each.size_bytes != 0 for each in (transfer.fetch, transfer.carry, transfer.push)):
        yield "Nothing is to be fetched, carried in or pushed."
        yield ""
        return
    rows = [
        (title, amount_words(amount), time_words(amount) or ABSENT)
        for title, amount in (
            ("to fetch, outside", transfer.fetch),
            ("to carry in", transfer.carry),
            ("to push, inside", transfer.push),
        )
    ]
    yield from table(("", "", "takes, at best"), rows)
    yield (
        "Upper bounds: each digest counts once and what the base names counts as there; layers "
        "that images share are not known here."
    )
    for note in transfer.notes:
        yield plain(note)
    yield ""


def _findings(report: Report) -> Iterator[str]:
    if not report.findings:
        return
    yield "### Policies"
    yield ""
    standings: Sequence[tuple[str, Callable[[FindingChange], bool], bool]] = (
        ("New", lambda each: each.standing == "new", False),
        ("As in the base", lambda each: each.standing == "still", True),
        ("Gone", lambda each: each.standing == "gone", True),
    )
    for title, belongs, may_fold in standings:
        found = [each for each in report.findings if belongs(each)]
        if not found:
            continue
        folded = may_fold and (len(found) > 3 or title == "Gone")
        if not folded:
            yield f"**{title}:**"
            yield ""
        yield from fold(f"{title}: {len(found)}", [*_finding_rows(found), ""], when=folded)


def _finding_rows(findings: Sequence[FindingChange]) -> Iterator[str]:
    for each in findings:
        sign = "⛔" if each.level == "mandatory" else "note:"
        remedy = f" → {plain(each.remedy)}" if each.remedy else ""
        yield (
            f"- {sign} {code(each.rule)} {code(each.subject)}: {plain(short(each.message))}{remedy}"
            f" ({plain(each.resource)})"
        )


def _files(report: Report) -> Iterator[str]:
    if not report.files:
        return
    lines = [f"- {_SIGNS[file.mark]}: {code(file.path)}" for file in report.files]
    if report.basis.kind == "refresh":  # that they are not as they were written is the news
        yield "### Files"
        yield ""
        yield from (*lines, "")
    else:
        title = f"Files that <code>up</code> writes: {count_words(len(report.files), 'change')}"
        yield from fold(title, [*lines, ""])
