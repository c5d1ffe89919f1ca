"""A stack's image caches in the engine: seen before they are made, made once, repaired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.result import Result
from tests.stacks.outside import Outside
from tests.stacks.site import PracticeSite, open_site

pytestmark = pytest.mark.engine

STACK = "airgap-basic"
CACHE = "image-cache-v1.11.5-amd64"


@dataclass(frozen=True, kw_only=True)
class Story:
    """What was seen."""

    site: PracticeSite
    preview: Result
    up: Result
    made: list[Path]
    by_hand: str
    again: Result
    drift: Result
    repaired: Result
    mended: bool
    fewer: Result


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory, engine_directory: Path, outside: Outside
) -> Iterator[Story]:
    with open_site(tmp_path_factory.mktemp("cache"), engine_directory, outside, STACK) as site:
        base = site.value
        cached = {**base, "imageCache": {"enabled": True, "publish": ["tar", "iso", "image"]}}
        site.change(cached, relock=False)
        preview, up = site.workspace.preview("--diff"), site.workspace.up()
        made = sorted(site.www.glob("v1.11.5/image-cache-*"))
        layout = site.workspace.directory / "by-hand.tar"
        by_hand = site.airgap(
            "image-cache", "create", STACK, "--format", "tar", "--output", str(layout)
        )
        again = site.workspace.preview("--expect-no-changes")
        tar = next(path for path in made if path.name.endswith(".oci.tar"))
        same = tar.read_bytes() == layout.read_bytes()
        by_hand += "the same bytes" if same else "other bytes"
        tar.unlink()
        site.workspace.refresh()
        drift = site.workspace.preview("--diff")
        repaired = site.workspace.up()
        mended = tar.exists()
        site.change({**base, "imageCache": {"enabled": True}}, relock=False)
        yield Story(
            site=site,
            preview=preview,
            up=up,
            made=made,
            by_hand=by_hand,
            again=again,
            drift=drift,
            repaired=repaired,
            mended=mended,
            fewer=site.workspace.up(),
        )


def test_the_preview_shows_what_is_in_it_and_where_it_goes(story: Story) -> None:
    assert story.preview.exit_code == 0, str(story.preview)
    shown = str(story.preview)
    assert CACHE in shown
    pin = story.site.lock.images["ghcr.io/siderolabs/kubelet:v1.34.1"].digest
    assert f"v1.34.1@{pin}" in shown
    assert f"image-cache:{CACHE.removeprefix('image-cache-')}" in shown
    assert any(path.name in shown for path in story.made)


def test_up_makes_every_form(story: Story) -> None:
    assert story.up.exit_code == 0, str(story.up)
    endings = sorted("".join(path.suffixes[-2:]) for path in story.made)
    assert [ending.rpartition(".")[2] for ending in endings] == ["iso", "tar"]
    held = story.site.registry.content.find("image-cache", "v1.11.5-amd64")
    assert held is not None


def test_what_is_made_by_hand_is_the_same_bytes(story: Story) -> None:
    assert "the same bytes" in story.by_hand


def test_a_second_up_has_nothing_to_do(story: Story) -> None:
    assert story.again.exit_code == 0, str(story.again)


def test_what_is_gone_is_seen_by_a_refresh_and_made_again(story: Story) -> None:
    assert "missing" in str(story.drift)
    assert story.repaired.exit_code == 0, str(story.repaired)
    assert story.mended


def test_what_is_no_longer_published_is_released_and_stays(story: Story) -> None:
    assert story.fewer.exit_code == 0, str(story.fewer)
    assert all(path.exists() for path in story.made)
