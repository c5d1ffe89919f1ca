"""What an author writes stays a value: no tag, no mention, no word that turns the others around."""

from __future__ import annotations

import re

import pytest

from airgap.report import Report, compare, write_markdown, write_page
from airgap.report.model import KeyChange
from airgap.report.tables import code, key_cells, plain
from tests.report.recorded import BASIS, LINKS, NAME, TODAY, side

EVIL = "x``</td><b>y``"
TURNED = "a\u202eb"


def _report(classes: list[object] | None = None) -> Report:
    head = side(serverClasses=classes) if classes else side()
    return compare(side().scene, head.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)


def _class(name: str, manufacturer: str) -> list[object]:
    listed = side().value["serverClasses"]
    assert isinstance(listed, list)
    first = listed[0]
    qualifiers = {"hardware": [{"system": {"manufacturer": manufacturer}}]}
    return [{**first, "name": name, "qualifiers": qualifiers}]


@pytest.mark.parametrize("text", ["a`b", "``", "`", "x``y```z", EVIL, "`` ``"])
def test_the_fence_is_longer_than_what_it_holds(text: str) -> None:
    told = code(text)
    fence = re.match("`+", told)
    assert fence
    assert fence[0] not in text
    assert told.endswith(f" {fence[0]}")


@pytest.mark.parametrize("text", ["a|b", "a\\|b", "a\\\\|b"])
def test_a_pipe_ends_no_cell(text: str) -> None:
    assert re.search(r"(?<!\\)(?:\\\\)*\|", code(text)) is None


@pytest.mark.parametrize("shown", [code, plain])
def test_characters_that_are_not_seen_are_written_out(shown: object) -> None:
    assert callable(shown)
    for character, told in ((TURNED[1], "u202e"), ("\x07", "u0007"), ("\u200b", "u200b")):
        assert character not in shown(f"a{character}b")
        assert told in shown(f"a{character}b")


def test_a_tag_in_a_value_is_none_in_markdown() -> None:
    text = write_markdown(_report(_class("workers", EVIL)))
    outside = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", text)
    assert "<b>" in text
    assert "<b>" not in outside


def test_nobody_is_called_by_a_name() -> None:
    report = _report().model_copy(update={"headline": "Of `a`@team and <b> is `@team` changed."})
    text = write_markdown(report).splitlines()[0]
    assert text == "## berlin: Of `a`&#64;team and &lt;b&gt; is `@team` changed."


def test_no_form_turns_words_around() -> None:
    report = _report(_class("workers", TURNED))
    for text in (write_markdown(report), write_page(report)):
        assert TURNED[1] not in text
        assert r"a\u202eb" in text


def test_what_is_cut_is_counted() -> None:
    _, after = key_cells(KeyChange(path="a", old="b", new="c" * 712))
    assert after.endswith("… 312 more characters in the page")
