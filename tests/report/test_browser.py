"""The page in a real Chromium: from disk, without network, by click and keyboard, checked by axe.

Pictures in light, dark and print lie in the folder that `AIRGAP_SCREENSHOTS` names, to be looked at
after a change of style: `AIRGAP_SCREENSHOTS=pages python -m pytest tests/report/test_browser.py`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap.report import Report, Scene, compare, write_page
from tests.report.browser import Browser, Page, open_browser
from tests.report.recorded import (
    BASIS,
    LINKS,
    NAME,
    RECORDED,
    TODAY,
    Recorded,
    recorded,
    report_of,
)
from tests.report.test_limit import COUNT, large
from tests.report.test_page import changed_ids
from tools.peers import PeerError, locate

pytestmark = pytest.mark.peers

TAB, ENTER = ("Tab", 9), ("Enter", 13)
IN_VIEW = """(id) => {
  const box = document.getElementById(id).getBoundingClientRect();
  const height = document.documentElement.clientHeight;
  return box.height > 0 && box.bottom > 0 && box.top < height;
}"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser of this file's own."""
    peers = locate()
    if missing := {"chromium", "axe"} & set(peers.missing()):
        raise PeerError(f"not here: {', '.join(sorted(missing))}; `make peers` gets them")
    profile = tmp_path_factory.mktemp("browser") / "profile"
    with open_browser(peers.path("chromium"), profile) as running:
        yield running


def _page(browser: Browser, folder: Path, report: Report) -> Page:
    file = folder / "report.html"
    file.write_text(write_page(report), encoding="utf-8")
    page = browser.open_page()
    page.open(file)
    return page


@pytest.fixture(params=RECORDED, ids=lambda change: change.name)
def change(request: pytest.FixtureRequest) -> Recorded:
    """Each recorded change."""
    found = request.param
    assert isinstance(found, Recorded)
    return found


def _in_view(page: Page, identity: str) -> bool:
    return bool(page.evaluate(f"({IN_VIEW})({json.dumps(identity)})"))


def test_a_page_opens_from_disk_without_network_or_complaint(
    browser: Browser, tmp_path: Path, change: Recorded
) -> None:
    page = _page(browser, tmp_path, report_of(change))
    assert page.requests() == [(tmp_path / "report.html").as_uri()]
    assert page.complaints() == []
    assert page.evaluate("document.querySelector('svg').getBoundingClientRect().height") > 100


def test_each_change_is_reached_by_a_click(
    browser: Browser, tmp_path: Path, change: Recorded
) -> None:
    report = report_of(change)
    page = _page(browser, tmp_path, report)
    for identity in sorted(changed_ids(report)):
        page.evaluate("scrollTo(0, 0)")
        page.click(f'a[href="#{identity}"]')
        assert page.evaluate("location.hash") == f"#{identity}"
        assert _in_view(page, identity), identity
    assert page.complaints() == []


def test_each_change_is_reached_by_the_keyboard_alone(
    browser: Browser, tmp_path: Path, change: Recorded
) -> None:
    report = report_of(change)
    page = _page(browser, tmp_path, report)
    waiting = changed_ids(report)
    for _ in range(3000):
        page.press(*TAB)
        found = page.evaluate(
            "[document.activeElement.getAttribute('href'), document.activeElement.tagName]"
        )
        if not waiting or found[1] == "BODY":
            break
        identity = (found[0] or "").removeprefix("#")
        if identity in waiting:
            waiting.discard(identity)
            page.evaluate("window.before = document.activeElement")
            page.press(*ENTER)
            page.evaluate("new Promise((done) => setTimeout(done, 30))")
            assert _in_view(page, identity), identity
            assert page.evaluate("document.activeElement.id") == identity
            page.evaluate("window.before.focus()")  # go on from the link, not from its target
    assert waiting == set()


def test_a_thing_in_the_picture_leads_to_its_keys(browser: Browser, tmp_path: Path) -> None:
    report = report_of(recorded("layout"))
    page = _page(browser, tmp_path, report)
    page.click('svg a[aria-label^="storage"]')
    target = page.evaluate("location.hash").removeprefix("#")
    assert _in_view(page, target)
    (workers,) = (each for each in report.objects if each.kind == "serverClass")
    assert target == workers.id
    assert page.evaluate(f"document.querySelectorAll('#{target} tr[id]').length") == len(
        workers.keys
    ) + len(workers.machine_config)


def test_a_link_to_a_key_opens_what_is_folded_around_it(browser: Browser, tmp_path: Path) -> None:
    report = report_of(recorded("layout"))
    page = _page(browser, tmp_path, report)
    key = f"{report.objects[0].id}-key-1"
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = false; })")
    page.evaluate(f"location.hash = '#{key}'")
    page.evaluate("new Promise((done) => setTimeout(done, 100))")
    assert _in_view(page, key)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_accessibility_checker_finds_nothing(
    browser: Browser, tmp_path: Path, change: Recorded, scheme: str
) -> None:
    page = _page(browser, tmp_path, report_of(change))
    page.appear(scheme=scheme)
    assert _violations(page) == []


def test_the_accessibility_checker_would_find_something(browser: Browser, tmp_path: Path) -> None:
    page = _page(browser, tmp_path, report_of(RECORDED[0]))
    page.evaluate("document.querySelector('.basis').style.color = '#dddddd'")
    page.evaluate("document.querySelector('main').outerHTML = '<p>gone</p>'")
    assert {"color-contrast", "landmark-one-main"} <= {
        each.partition(":")[0] for each in _violations(page)
    }


def _violations(page: Page) -> list[str]:
    page.evaluate(locate().path("axe").read_text(encoding="utf-8") + "; 1")
    found = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations.map("
        "(each) => `${each.id}: ${each.nodes.map((node) => node.html).join(' ')}`))"
    )
    assert isinstance(found, list)
    return found


def test_on_a_small_screen_nothing_but_tables_and_the_picture_is_wider(
    browser: Browser, tmp_path: Path
) -> None:
    page = _page(browser, tmp_path, report_of(RECORDED[0]))
    page.resize(390, 800)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_all_that_is_folded_is_printed(browser: Browser, tmp_path: Path) -> None:
    page = _page(browser, tmp_path, report_of(recorded("class-removed")))
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = false; })")
    page.evaluate(
        "window.opened = 0;"
        "addEventListener('beforeprint', () => {"
        " window.opened = document.querySelectorAll('details[open]').length; })"
    )
    page.pdf(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    count = page.evaluate("document.querySelectorAll('details').length")
    assert page.evaluate("window.opened") == count > 0
    assert page.evaluate("document.querySelectorAll('details[open]').length") == 0


def test_a_site_of_300_images_is_shown(browser: Browser, tmp_path: Path) -> None:
    report = compare(
        Scene(), large("v1.2.3").scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY
    )
    page = _page(browser, tmp_path, report)
    assert page.evaluate("document.querySelectorAll('#images tbody tr').length") >= COUNT
    assert _violations(page) == []


def test_pictures_are_taken_to_be_looked_at(browser: Browser, tmp_path: Path) -> None:
    folder = Path(os.environ.get("AIRGAP_SCREENSHOTS") or tmp_path / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("versions", "mirror", "class-added", "stack-file", "receipt", "nothing"):
        page = _page(browser, tmp_path, report_of(recorded(name)))
        for scheme, media in (("light", ""), ("dark", ""), ("light", "print")):
            page.appear(scheme=scheme, media=media)
            page.screenshot(folder / f"{name}-{media or scheme}.png")
    assert len(list(folder.glob("*.png"))) >= 12
