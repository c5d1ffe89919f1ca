"""`mirror` and then the engine: nothing is left to send; and limits that cause no change."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from werkzeug.wrappers import Request, Response

from lab.registry import Registry
from tests.engine.result import Result
from tests.stacks.outside import Outside
from tests.stacks.site import PracticeSite, open_site

pytestmark = pytest.mark.engine

STACK = "airgap-basic"


class Crowd:
    """Counts how many requests a registry answers at a time, at most.

    It holds each one back for a moment, so that another one would come meanwhile.
    """

    def __init__(self, registry: Registry) -> None:
        self.most = 0
        self._now = 0
        self._changed = threading.Condition()
        self._respond = registry.respond
        registry.respond = self.respond  # type: ignore[method-assign]  # looks on, changes nothing

    def respond(self, request: Request) -> Response:
        with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most > 1, timeout=0.1)
        try:
            return self._respond(request)
        finally:
            with self._changed:
                self._now -= 1


@dataclass(frozen=True, kw_only=True)
class Story:
    """What was seen."""

    site: PracticeSite
    mirrored: str
    images: dict[str, str]
    files: dict[str, str]
    up: Result
    sent: list[str]
    most_at_a_time: int
    unlimited: Result
    pruned: str


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory, engine_directory: Path, outside: Outside
) -> Iterator[Story]:
    with open_site(tmp_path_factory.mktemp("mirror"), engine_directory, outside, STACK) as site:
        mirrored = site.airgap("mirror", STACK)
        images, files = site.served_images(), site.published_files()
        site.change({**site.value, "transfer": {"connections": 1}}, relock=False)
        site.forget_requests()
        crowd = Crowd(site.registry)
        up = site.workspace.up()
        sent, most = site.sent(), crowd.most
        limits = {"limits": [{"rate": "1GiB/s"}], "connections": 2}
        site.change({**site.value, "transfer": limits}, relock=False)
        unlimited = site.workspace.preview("--expect-no-changes")
        yield Story(
            site=site,
            mirrored=mirrored,
            images=images,
            files=files,
            up=up,
            sent=sent,
            most_at_a_time=most,
            unlimited=unlimited,
            pruned=site.airgap("prune", STACK, "--dry-run"),
        )


def test_mirror_alone_brings_every_image_and_boot_asset(story: Story) -> None:
    locked = {key: pin.digest for key, pin in story.site.lock.images.items()}
    assert story.images == locked
    assert {pin.sha512 for pin in story.site.lock.assets.values()} == set(story.files.values())
    assert f"{len(locked)} images pushed, 0 were there" in story.mirrored


def test_the_up_after_it_sends_nothing(story: Story) -> None:
    assert story.up.exit_code == 0, str(story.up)
    assert story.sent == []
    assert story.site.served_images() == story.images
    assert story.site.published_files() == story.files


def test_the_engine_keeps_to_the_connections_of_the_site(story: Story) -> None:
    assert story.most_at_a_time == 1


def test_other_limits_are_no_change(story: Story) -> None:
    assert story.unlimited.exit_code == 0, str(story.unlimited)


def test_prune_knows_what_both_brought(story: Story) -> None:
    assert "0 items that nothing names" in story.pruned
