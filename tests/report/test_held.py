"""What a site lacks by its receipt stands in every form, whether or not anything changes."""

from __future__ import annotations

import json

from airgap.report import (
    Report,
    compare,
    compare_held,
    held_words,
    write_json,
    write_markdown,
    write_page,
)
from tests.report.recorded import (
    BASIS,
    LINKS,
    NAME,
    TODAY,
    make_receipt,
    recorded,
    report_of,
    side,
)
from tests.report.test_injection import EVIL, TURNED
from tests.report.test_limit import large

NGINX, KERNEL = "docker.io/library/nginx:1.27.3", "v1.11.5/vmlinuz-amd64"


def _report(**lacks: str) -> Report:
    base = side()
    drift = compare_held(make_receipt(base.lock, lacks), base.lock)
    return compare(
        base.scene, base.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY, drift=drift
    )


def test_what_is_lacking_is_told_in_every_form() -> None:
    report = report_of(recorded("receipt"))
    assert report.is_empty, "what the site lacks is no change"
    document = json.loads(write_json(report))
    assert [(each["path"], each["new"]) for each in document["drift"]] == [
        (f"image {NGINX}", None),
        (f"boot asset {KERNEL}", "truncated to 12 bytes"),
    ]
    for text in (write_markdown(report), write_page(report)):
        assert "What the site lacks by its receipt" in text
        assert text.count(NGINX) >= 1
        assert "lacks 2 things of what the base" in text


def test_a_whole_site_has_a_sentence_and_no_section() -> None:
    base = side()
    receipt = make_receipt(base.lock, {})
    assert compare_held(receipt, base.lock) == ()
    assert held_words(receipt, ()) == (
        "By its receipt of 2026-11-30T16:00:00Z the site has all of what the base's lock names."
    )
    assert "What the site lacks" not in write_markdown(_report()) + write_page(_report())


def test_what_was_carried_by_people_stays_a_text() -> None:
    marked = "MARKED-do-not-show"
    report = _report(**{NGINX: f"{EVIL}{TURNED}", KERNEL: f"https://user:{marked}@h.example"})
    for text in (write_json(report), write_markdown(report), write_page(report)):
        assert marked not in text
    assert "<b>" not in write_page(report)
    assert TURNED[1] not in write_markdown(report) + write_page(report)


def test_a_site_that_lacks_everything_is_folded_and_fits() -> None:
    base = large("v1.2.3")
    faults = dict.fromkeys((*base.lock.images, *base.lock.assets), "missing")
    drift = compare_held(make_receipt(base.lock, faults), base.lock)
    report = compare(
        base.scene, base.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY, drift=drift
    )
    text = write_markdown(report)
    assert len(text) <= 60_000
    assert "Too long" not in text
    assert [key for key in base.lock.images if f"image {key}" not in text] == []
    both = compare(
        base.scene,
        large("v1.2.4").scene,
        site=NAME,
        basis=BASIS,
        links=LINKS,
        today=TODAY,
        drift=drift,
    )
    text = write_markdown(both)
    assert len(text) <= 60_000
    assert "Too long" not in text
    assert "`python -m airgap receipt --compare` names them" in text
    assert [pin for image in both.images for pin in image.new if pin.tag not in text] == []
