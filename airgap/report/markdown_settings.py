"""The settings of a site in Markdown: places, mirrors, trust, environments, server classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airgap.report.model import KeyChange, ObjectChange, Report
from airgap.report.tables import ABSENT, code, fold, key_cells, plain, table
from airgap.report.wording import (
    KIND_WORDS,
    SITE_KEYS,
    SITE_KEYS_TOLD,
    count_words,
    join_words,
)

__all__ = ["write_settings"]

_TOLD = 3
_OPEN = 14
"""Rows of one thing that stand open."""
_ALONE = {"environment", "serverClass", "resource"}
_MARKS = {"added": "is new", "changed": "changes", "removed": "goes"}
_MARKS_MANY = {"added": "are new", "changed": "change", "removed": "go"}


def write_settings(report: Report, *, config: bool) -> Iterator[str]:
    """Yield the sections; without `config`, keys are counted where there are many."""
    yield from _trust(report)
    places = [change for change in report.objects if change.kind not in _ALONE]
    if places:
        yield "### Registry, mirrors and other places"
        yield ""
        rows = [row for change in places for row in _rows(change)]
        lines = list(table(("", "setting", "before", "after"), rows))
        yield from fold(count_words(len(rows), "setting"), lines, when=len(rows) > _OPEN)
    for kind, title in (
        ("environment", "Environments"),
        ("serverClass", "Server classes"),
        ("resource", "Other resources"),
    ):
        changes = [change for change in report.objects if change.kind == kind]
        if changes:
            yield f"### {title}"
            yield ""
            for change in changes:
                yield from _thing(change, config=config)
    if report.site_keys:
        yield f"### {SITE_KEYS}"
        yield ""
        yield SITE_KEYS_TOLD
        yield ""
        yield from _keys("", report.site_keys, "changed", config=config)


def _trust(report: Report) -> Iterator[str]:
    if not report.trust:
        return
    yield "### Certificate authorities"
    yield ""
    rows = [
        (
            _authority(each.old, each.old_names),
            _authority(each.new, each.new_names),
            _where(each.where),
        )
        for each in report.trust
    ]
    yield from table(("before", "after", "trusted for"), rows)


def _authority(fingerprints: str, names: Sequence[str]) -> str:
    if not fingerprints:
        return ABSENT
    return "<br>".join([*map(plain, names), *map(code, fingerprints.split(", "))])


def _where(places: Sequence[str]) -> str:
    mirrors = [place for place in places if place.startswith("mirror of ")]
    others = [place for place in places if place not in mirrors]
    if len(mirrors) > 3:
        return plain(", ".join([*others, count_words(len(mirrors), "mirror")]))
    return plain(", ".join(places))


def _rows(change: ObjectChange) -> Iterator[tuple[str, str, str, str]]:
    noun = KIND_WORDS[change.kind]
    names = ", ".join(code(name) for name in change.names)
    what = f"{noun} {names}" if change.kind in {"mirror", "site"} else noun
    for key in change.keys:
        yield (what, code(key.path), *key_cells(key))


def _thing(change: ObjectChange, *, config: bool) -> Iterator[str]:
    names = join_words([code(name) for name in change.names])
    marks = _MARKS if len(change.names) == 1 else _MARKS_MANY
    yield f"**{names} {marks[change.mark]}**"
    yield ""
    yield from _keys("", change.keys, change.mark, config=config)
    if change.machine_config:
        title = "machine configuration"
        yield from _keys(title, change.machine_config, change.mark, config=config)


def _keys(title: str, keys: Sequence[KeyChange], mark: str, *, config: bool) -> Iterator[str]:
    if not keys:
        return
    if not config and mark != "changed":  # it is named, and has one side only
        told = ", ".join(f"{code(key.path)} {_value(key, mark)}" for key in keys[:_TOLD])
        more = f" and {len(keys) - _TOLD} more" if len(keys) > _TOLD else ""
        yield f"{title + ': ' if title else ''}{told}{more}"
        yield ""
        return
    if not config and len(keys) > _OPEN:
        names = ", ".join(dict.fromkeys(code(key.path) for key in keys))
        yield f"{title + ': ' if title else ''}{count_words(len(keys), 'setting')}: {names}"
        yield ""
        return
    rows: list[tuple[str, ...]]
    if mark == "changed":
        head = [title or "setting", "before", "after"]
        rows = [(code(key.path), *key_cells(key)) for key in keys]
    else:
        head = [title or "setting", "value"]
        rows = [(code(key.path), _value(key, mark)) for key in keys]
    summary = f"{title or 'settings'}: {count_words(len(keys), 'key')}"
    yield from fold(summary, list(table(head, rows)), when=len(keys) > _OPEN or mark == "removed")


def _value(key: KeyChange, mark: str) -> str:
    """Return the one value of a setting that comes or goes."""
    return key_cells(key)[mark == "added"].replace("+ `", "`").replace("- `", "`")
