"""The page's structure: whole in itself, each change with a place that something leads to."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from airgap.report import Report, write_page
from airgap.report.contents import anchor
from tests.report.recorded import RECORDED, Recorded, report_of

VOID = {"meta", "br", "path", "rect"}


class Page(HTMLParser):
    """What a page has: places, links, elements, and whether all that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.tags: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self._open.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag


def changed_ids(report: Report) -> set[str]:
    """Return the place of each thing that changes."""
    return {
        *(each.id for each in report.images),
        *(each.id for each in report.assets),
        *(each.id for each in report.schematics),
        *(each.id for each in report.trust),
        *(each.id for each in report.objects),
        *(anchor("stack-file", key.path) for key in (*report.site_keys, *report.drift)),
    }


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
def test_each_change_has_a_place_that_links_lead_to(recorded: Recorded) -> None:
    report = report_of(recorded)
    page = Page(write_page(report))
    assert changed_ids(report) <= set(page.ids)
    assert changed_ids(report) <= {link.removeprefix("#") for link in page.links}


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
def test_each_link_leads_to_one_place_in_the_page(recorded: Recorded) -> None:
    page = Page(write_page(report_of(recorded)))
    assert len(page.ids) == len(set(page.ids))
    assert all(link.startswith("#") for link in page.links)
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
def test_each_key_that_changes_can_be_linked_to(recorded: Recorded) -> None:
    report = report_of(recorded)
    page = Page(write_page(report))
    for change in report.objects:
        for number in range(1, len(change.keys) + 1):
            assert f"{change.id}-key-{number}" in page.ids


def test_nothing_outside_is_asked_for() -> None:
    page = Page(write_page(report_of(RECORDED[0])))
    assert not {"link", "img", "iframe", "object", "base", "form"} & set(page.tags)
    assert not [each for each in page.attributes if each[1] in {"src", "srcset", "style"}]
    (policy,) = [value for tag, name, value in page.attributes if "default-src" in value]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_what_changed_is_told_by_words_as_well() -> None:
    text = write_page(report_of(RECORDED[0]))
    badges = set(re.findall(r'<span class="mark (\w+)">([^<]+)</span>', text))
    assert badges == {
        ("added", "+ new"),
        ("changed", "~ changed"),
        ("removed", "− gone"),  # noqa: RUF001 - a minus is meant
    }


def test_landmarks_are_there_once() -> None:
    page = Page(write_page(report_of(RECORDED[0])))
    assert [page.tags.count(tag) for tag in ("header", "nav", "main", "footer", "h1")] == [1] * 5


def test_markup_in_names_is_text() -> None:
    report = report_of(RECORDED[0])
    evil = '"><script>alert(1)</script>'
    image = report.images[0].model_copy(update={"repository": evil, "why": (evil,)})
    node = report.topology.nodes[0].model_copy(update={"name": evil, "detail": evil})
    topology = report.topology.model_copy(update={"nodes": (node, *report.topology.nodes[1:])})
    changed = report.model_copy(
        update={"images": (image,), "topology": topology, "headline": evil, "site": evil}
    )
    assert Page(write_page(changed)).tags.count("script") == 1
