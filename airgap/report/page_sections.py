"""The page's sections: the comment's content, whole, each item with a place of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from airgap.progress.words import count_bytes
from airgap.report.contents import anchor
from airgap.report.markup import cell, code, escape, inline, key_cells, mark, pins, table
from airgap.report.model import KeyChange, Mark, ObjectChange, Report
from airgap.report.wording import (
    DRIFT,
    KIND_WORDS,
    NEED_WORDS,
    SITE_KEYS,
    SITE_KEYS_TOLD,
    amount_words,
    count_words,
    join_words,
    need_words,
    platform_words,
    time_words,
)

__all__ = ["Section", "write_sections"]

_PLACES = ("registry", "mirror", "assetMirror", "imageFactory", "sidero", "site")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page."""

    id: str
    title: str
    lines: tuple[str, ...]


def write_sections(report: Report) -> Iterator[Section]:
    """Yield the sections that have something to say; picture and reader's words always do."""
    yield _section("reach", "Whom it reaches", _reach(report))
    yield _section("changes", "All changes", _index(report))
    if report.versions:
        yield _section("versions", "Versions", _versions(report))
    yield _section("images", "Images", _images(report))
    yield _section("assets", "Boot assets", _assets(report))
    yield _section("schematics", "Schematics", _schematics(report))
    yield _section("settings", "Settings", _settings(report))
    if report.site_keys:
        yield _section("stack-file", SITE_KEYS, _site_keys(report))
    if report.drift:
        yield _section("drift", DRIFT, _drift(report))
    yield _section("transfer", "Bytes", _transfer(report))
    yield _section("policies", "Policies", _findings(report))
    yield _section("files", "Files", _files(report))


def _section(identity: str, title: str, lines: Iterator[str]) -> Section:
    found = tuple(lines)
    return Section(id=identity, title=title, lines=found or ("<p>Nothing changes here.</p>",))


def _reach(report: Report) -> Iterator[str]:
    reach = report.reach
    for title, sentences in (
        ("Servers provisioned from now on, or with `pxeBootAlways`", reach.provisioned),
        ("Machines that run", reach.running),
        ("Pulls by machines that run", reach.pulls),
    ):
        yield f"<h3>{inline(title)}</h3>"
        yield "<ul>" if sentences else "<p>Not reached.</p>"
        yield from (f"<li>{inline(sentence)}</li>" for sentence in sentences)
        yield "</ul>" if sentences else ""


def _index(report: Report) -> Iterator[str]:
    """Yield a link to each thing that changes."""
    groups: tuple[tuple[str, list[tuple[str, str, str]]], ...] = (
        ("Images", [(each.id, each.mark, each.repository) for each in report.images]),
        ("Boot assets", [(each.id, each.mark, each.name) for each in report.assets]),
        (
            "Schematics",
            [(each.id, each.mark, f"{each.schematic_id[:12]}…") for each in report.schematics],
        ),
        (
            "Certificate authorities",
            [(each.id, "changed", _whose(each.new_names, each.old_names)) for each in report.trust],
        ),
        ("Settings", [(each.id, each.mark, _title(each)) for each in report.objects]),
        (DRIFT, [(_place(item), _mark(item), item.path) for item in report.drift]),
        (SITE_KEYS, [(_place(key), _mark(key), key.path) for key in report.site_keys]),
    )
    for title, items in groups:
        if items:
            yield f"<h3>{title}</h3>"
            yield '<ul class="plain index">'
            for identity, standing, name in items:
                yield f'<li>{mark(standing)} <a href="#{identity}">{escape(name)}</a></li>'
            yield "</ul>"


def _whose(*names: Sequence[str]) -> str:
    return next((", ".join(each) for each in names if each), "a certificate authority")


def _title(change: ObjectChange) -> str:
    alone = change.kind in {"registry", "assetMirror", "imageFactory", "sidero"}
    names = "" if alone else f" {join_words(change.names)}"
    return f"{KIND_WORDS[change.kind]}{names}" if change.kind != "resource" else names.strip()


def _versions(report: Report) -> Iterator[str]:
    yield from table(
        "Versions",
        ("of", "before", "after"),
        (
            (
                anchor("version", each.what),
                (
                    escape(each.what),
                    cell(escape(", ".join(each.old))),
                    cell(escape(", ".join(each.new))),
                ),
            )
            for each in report.versions
        ),
    )


def _images(report: Report) -> Iterator[str]:
    staying = [
        (anchor("platform", each.mark, each.platform), platform_words(each))
        for each in report.platforms
    ]
    staying += [(each.id, need_words(each)) for each in report.needs]
    if staying:
        yield "<h3>Images that stay</h3><ul>"
        yield from (f'<li id="{place}">{inline(words)}</li>' for place, words in staying)
        yield "</ul>"
    for need, group in groupby(report.images, key=lambda image: image.need):
        title = NEED_WORDS.get(need, need)
        yield f"<h3>{escape(title)}</h3>"
        yield from table(
            f"Images: {title}",
            ("image", "change", "before", "after", "at most", "why it is there"),
            (
                (
                    image.id,
                    (
                        code(image.repository),
                        mark(image.mark),
                        pins(image.old),
                        pins(image.new),
                        _size(image.size_bytes),
                        cell("<br>".join(map(escape, image.why))),
                    ),
                )
                for image in group
            ),
        )


def _size(size: int | None) -> str:
    return cell("" if size is None else count_bytes(size).replace(" ", "&nbsp;"))


def _assets(report: Report) -> Iterator[str]:
    if report.assets:
        yield from table(
            "Boot assets",
            ("file", "change", "before", "after", "size", "why it is there"),
            (
                (
                    asset.id,
                    (
                        code(asset.name),
                        mark(asset.mark),
                        cell(code(asset.old) if asset.old else ""),
                        cell(code(asset.new) if asset.new else ""),
                        _size(asset.size_bytes),
                        cell("<br>".join(map(escape, asset.why))),
                    ),
                )
                for asset in report.assets
            ),
        )


def _schematics(report: Report) -> Iterator[str]:
    for change in report.schematics:
        yield f'<div class="thing" id="{change.id}" tabindex="-1">'
        noun = "server class" if len(change.classes) == 1 else "server classes"
        classes = join_words([code(name) for name in change.classes])
        yield f"<h3>{mark(change.mark)} {code(change.schematic_id)} of {noun} {classes}</h3>"
        if change.replaces:
            yield f"<p>In place of {join_words([code(old) for old in change.replaces])}.</p>"
        yield "<ul>"
        lines = change.content or ("nothing beyond a release",)
        yield from (f"<li>{escape(line)}</li>" for line in lines)
        yield "</ul>"
        yield from _keys(change.id, "Against the one before", change.keys, "changed")
        yield "</div>"


def _settings(report: Report) -> Iterator[str]:
    for each in report.trust:
        yield f'<div class="thing" id="{each.id}" tabindex="-1">'
        yield "<h3>Certificate authority</h3>"
        sides = (
            cell("<br>".join([*map(escape, names), *([code(prints)] if prints else [])]))
            for prints, names in ((each.old, each.old_names), (each.new, each.new_names))
        )
        where = "<br>".join(map(escape, each.where))
        yield from table(
            "Certificate authority",
            ("fingerprint", "before", "after", "trusted for"),
            (("", ("SHA-256", *sides, where)),),
        )
        yield "</div>"
    for change in report.objects:
        yield f'<div class="thing" id="{change.id}" tabindex="-1">'
        yield f"<h3>{mark(change.mark)} {escape(_title(change))}</h3>"
        yield from _keys(change.id, "Settings", change.keys, change.mark)
        yield from _keys(
            f"{change.id}-config", "Machine configuration", change.machine_config, change.mark
        )
        if change.files:
            yield "<h4>For machines that run</h4><ul>"
            yield from (f"<li>{code(path)}</li>" for path in change.files)
            yield "</ul>"
        yield "</div>"


def _keys(identity: str, title: str, keys: Sequence[KeyChange], standing: Mark) -> Iterator[str]:
    """Yield a row a key, each with a link to itself, so that a comment can point to it."""
    if not keys:
        return
    yield f"<details open><summary>{title}: {count_words(len(keys), 'key')}</summary>"
    rows = []
    for number, key in enumerate(keys, start=1):
        place = f"{identity}-key-{number}"
        cells = key_cells(key)
        if standing != "changed":  # there is one side only
            cells = cells[1:] if standing == "added" else cells[:1]
        rows.append((place, (f'<a href="#{place}">{code(key.path)}</a>', *cells)))
    head = ("key", "before", "after") if standing == "changed" else ("key", "value")
    yield from table(title, head, rows)
    yield "</details>"


def _site_keys(report: Report) -> Iterator[str]:
    yield f"<p>{escape(SITE_KEYS_TOLD)}</p>"
    rows = ((_place(key), (code(key.path), *key_cells(key))) for key in report.site_keys)
    yield from table(SITE_KEYS, ("key", "before", "after"), rows)


def _drift(report: Report) -> Iterator[str]:
    rows = ((_place(item), (code(item.path), *key_cells(item))) for item in report.drift)
    yield from table(DRIFT, ("what", "by the base's lock", "found"), rows)


def _place(key: KeyChange) -> str:
    return anchor("stack-file", key.path)


def _mark(key: KeyChange) -> Mark:
    return "added" if key.old is None else "removed" if key.new is None else "changed"


def _transfer(report: Report) -> Iterator[str]:
    transfer = report.transfer
    rows = [
        ("", (title, amount_words(amount), cell(escape(time_words(amount)))))
        for title, amount in (
            ("to fetch, outside", transfer.fetch),
            ("to carry in", transfer.carry),
            ("to push, inside", transfer.push),
        )
    ]
    yield from table("Bytes", ("what", "bytes", "takes, at best"), rows)
    yield (
        "<p>Upper bounds: each digest counts once and what the base names counts as there; layers "
        "that images share are not known here.</p>"
    )
    yield from (f"<p>{escape(note)}</p>" for note in transfer.notes)


_STANDINGS = {"new": "changed", "still": "same", "gone": "removed"}
_STANDING_WORDS = {"new": "new", "still": "as in the base", "gone": "− gone"}  # noqa: RUF001 - a minus is meant


def _standing(standing: str) -> str:
    return f'<span class="mark {_STANDINGS[standing]}">{_STANDING_WORDS[standing]}</span>'


def _findings(report: Report) -> Iterator[str]:
    if not report.findings:
        yield "<p>The policies have nothing to say.</p>"
        return
    yield from table(
        "Policies",
        ("rule", "standing", "level", "of", "what", "what to do"),
        (
            (
                f"finding-{number}",
                (
                    code(each.rule),
                    _standing(each.standing),
                    escape(each.level),
                    f"{code(each.subject)}<br>{escape(each.resource)}",
                    escape(each.message),
                    cell(escape(each.remedy)),
                ),
            )
            for number, each in enumerate(report.findings, start=1)
        ),
    )


def _files(report: Report) -> Iterator[str]:
    if report.files:
        yield "<details><summary>"
        yield f"{count_words(len(report.files), 'file')} that <code>up</code> writes</summary>"
        yield '<ul class="plain">'
        yield from (f"<li>{mark(file.mark)} {code(file.path)}</li>" for file in report.files)
        yield "</ul></details>"
