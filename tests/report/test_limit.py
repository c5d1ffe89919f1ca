"""The comment of a large site: under the limit by folding, and everything that changes is named."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airgap.report import MARKDOWN_LIMIT, Report, Scene, compare, write_markdown
from tests.report.recorded import (
    BASIS,
    LINKS,
    NAME,
    TODAY,
    Side,
    make_pin,
    recorded,
    report_of,
    side,
)

COUNT = 300
REGISTRIES = ("docker.io/library", "quay.io/long-organisation-name", "ghcr.io/another-vendor/apps")


def _references(tag: str) -> list[str]:
    return [
        f"{REGISTRIES[number % 3]}/component-with-a-long-name-{number:03}:{tag}"
        for number in range(COUNT)
    ]


def large(tag: str, **changes: Any) -> Side:
    """Return berlin with 300 more images of a tag."""
    references = _references(tag)
    why = "manifests/platform.yaml: StatefulSet observability/long-name, container main"
    pins = {name: make_pin(name, "workloads", why) for name in references}
    return side(pins=pins, **changes)


def _report(base: Scene, head: Scene) -> Report:
    return compare(base, head, site=NAME, basis=BASIS, links=LINKS, today=TODAY)


@pytest.fixture(scope="module")
def upgrade() -> Report:
    """Every one of 300 images moves."""
    return _report(large("v1.2.3").scene, large("v1.2.4").scene)


@pytest.fixture(scope="module")
def new_site() -> Report:
    """A site of 300 images that was not there."""
    return _report(Scene(), large("v1.2.3").scene)


def test_a_comment_has_at_most_60_000_characters() -> None:
    assert MARKDOWN_LIMIT == 60_000


def test_an_upgrade_of_300_images_fits_and_names_each(upgrade: Report) -> None:
    text = write_markdown(upgrade)
    assert len(text) <= MARKDOWN_LIMIT
    missing = [
        name
        for old, name in zip(_references("v1.2.3"), _references("v1.2.4"), strict=True)
        if not _is_row(text, name.partition(":")[0], old.rpartition(":")[2], name)
    ]
    assert missing == []


def _is_row(text: str, repository: str, old: str, new: str) -> bool:
    row = next((line for line in text.splitlines() if f"`{repository}`" in line), "")
    return f"`{old}`" in row and f"`{new.rpartition(':')[2]}`" in row


def test_a_new_site_of_300_images_fits_and_names_each(new_site: Report) -> None:
    text = write_markdown(new_site)
    assert len(text) <= MARKDOWN_LIMIT
    assert [
        name for name in _references("v1.2.3") if f"`{name.partition(':')[0]}`" not in text
    ] == []


CLASSES = {f"class-{number:02}": (f"siderolabs/extension-{number}",) for number in range(30)}


def test_everything_at_once_fits_and_names_each() -> None:
    """Images, releases, and 30 server classes, each with an installer of its own."""
    before = large("v1.2.3", classes=CLASSES)
    after = large("v1.2.4", classes=CLASSES, talos="v1.12.6", kubernetes="v1.35.0")
    for base, mark in ((before.scene, "changes"), (Scene(), "is new")):
        text = write_markdown(_report(base, after.scene))
        assert len(text) <= MARKDOWN_LIMIT
        assert "Too long" not in text
        assert [name for name in CLASSES if f"**`{name}` {mark}**" not in text] == []
        names = {name.partition(":")[0] for name in _references("v1.2.4")}
        assert {name for name in names if f"`{name}`" not in text} == set()


def test_what_is_long_is_folded(upgrade: Report) -> None:
    text = write_markdown(upgrade)
    assert text.count("<details>") == text.count("</details>") > 0
    opened = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    assert len(opened) < 6_000


def test_the_numbers_of_a_large_change_stand_in_its_headline(upgrade: Report) -> None:
    assert upgrade.headline == "300 images updated."


def test_less_room_costs_detail_and_no_name(upgrade: Report) -> None:
    text = write_markdown(upgrade, limit=40_000)
    assert len(text) <= 40_000
    assert "Some detail is left out" in text
    names = {name.partition(":")[0] for name in _references("v1.2.4")}
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_findings_stand_before_what_may_be_cut() -> None:
    text = write_markdown(report_of(recorded("mirror")))
    assert text.index("### Policies") < text.index("### Registry, mirrors")


def test_all_tags_of_a_repository_are_named() -> None:
    names = [f"docker.io/library/nginx:1.{minor}.0" for minor in range(30, 35)]
    head = side(pins={name: make_pin(name, "workloads", "site images") for name in names})
    report = compare(side().scene, head.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
    text = write_markdown(report)
    assert [name for name in names if f"`{name.partition(':')[2]}`" not in text] == []


def test_digests_are_whole_at_the_end_without_a_page() -> None:
    report = report_of(recorded("extension"))
    text = write_markdown(report)
    whole = {pin.digest for image in report.images for pin in image.new}
    whole |= {change.schematic_id for change in report.schematics}
    assert [digest for digest in whole if digest not in text] == []
    assert "All digests in full" not in write_markdown(report, page="https://ci.example/1")
    assert "All digests in full" not in write_markdown(report, limit=len(text) - 1)


def test_what_fits_in_no_form_says_so(upgrade: Report) -> None:
    text = write_markdown(upgrade, limit=5_000)
    assert len(text) <= 5_000
    assert text.endswith("the HTML page has all of it.**\n")
    assert text.count("<details>") == text.count("</details>")
