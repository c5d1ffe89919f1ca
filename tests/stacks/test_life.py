"""Each committed stack through its whole life: preview, up, up again, destroy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.result import Result, State
from tests.stacks.outside import Outside
from tests.stacks.site import STACKS, PracticeSite, open_site, places_of

pytestmark = pytest.mark.engine

# The engine's mark of a value that it does not know yet (pulumi/sdk: plugin.UnknownStringValue).
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@dataclass(frozen=True, kw_only=True)
class Life:
    """What a stack's commands did, in their order."""

    site: PracticeSite
    preview: Result
    asked_by_preview: int
    up: Result
    served: Mapping[str, str]
    published: Mapping[str, str]
    written: list[Path]
    again: Result
    sent_again: int
    expectation: Result
    refresh: Result
    destroy: Result
    kept: Mapping[str, Mapping[str, str]]
    state_after: State


@pytest.fixture(scope="module", params=STACKS)
def life(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    engine_directory: Path,
    outside: Outside,
) -> Iterator[Life]:
    stack = str(request.param)
    directory = tmp_path_factory.mktemp(stack)
    with open_site(directory, engine_directory, outside, stack) as site:
        site.forget_requests()
        preview = site.workspace.preview("--json")
        asked = len(site.requests)
        up = site.workspace.up()
        served, published = site.served_images(), site.published_files()
        out = site.workspace.directory / "out"
        written = [path for path in out.rglob("*") if path.is_file()]
        site.forget_requests()
        again = site.workspace.up()
        sent = len(site.sent())
        expectation = site.workspace.preview("--expect-no-changes")
        refresh = site.workspace.refresh()
        destroy = site.workspace.destroy()
        yield Life(
            site=site,
            preview=preview,
            asked_by_preview=asked,
            up=up,
            served=served,
            published=published,
            written=written,
            again=again,
            sent_again=sent,
            expectation=expectation,
            refresh=refresh,
            destroy=destroy,
            kept={"images": site.served_images(), "files": site.published_files()},
            state_after=site.workspace.export(),
        )


def test_preview_asks_nobody(life: Life) -> None:
    assert life.asked_by_preview == 0


def test_preview_knows_every_input(life: Life) -> None:
    inputs = {
        step["urn"]: step["newState"].get("inputs", {})
        for step in life.preview.json["steps"]
        if "airgap:" in step["newState"]["type"]
    }
    assert {step.urn for step in life.up.steps if "airgap:" in step.type} == set(inputs)
    assert [urn for urn, values in inputs.items() if UNKNOWN in json.dumps(values)] == []


def test_up_makes_what_the_preview_showed(life: Life) -> None:
    assert life.up.changes == life.preview.json["changeSummary"]
    assert set(life.up.changes) == {"create"}


def test_up_brings_every_image_to_the_registry(life: Life) -> None:
    pinned = {reference: pin.digest for reference, pin in life.site.lock.images.items()}
    assert life.served == pinned


def test_up_publishes_every_asset_at_both_of_its_paths(life: Life) -> None:
    is_copied = life.site.value["assetMirror"]["kind"] == "directory"
    expected = {
        place: pin.sha512
        for name, pin in life.site.lock.assets.items()
        for place in places_of(name, pin.sha512)
    }
    assets = {path: sha for path, sha in life.published.items() if "image-cache" not in path}
    assert assets == (expected if is_copied else {})


def test_second_up_changes_nothing(life: Life) -> None:
    assert life.again.changes == {}


def test_second_up_sends_nothing(life: Life) -> None:
    assert life.sent_again == 0


def test_preview_after_up_expects_no_changes(life: Life) -> None:
    assert life.expectation.changes == {}


def test_refresh_of_an_untouched_site_finds_nothing(life: Life) -> None:
    assert life.refresh.changes == {}


def test_destroy_leaves_no_resource(life: Life) -> None:
    assert life.state_after.resources == ()


def test_destroy_retains_what_running_nodes_may_pull(life: Life) -> None:
    assert life.kept == {"images": life.served, "files": life.published}


def test_destroy_removes_the_generated_files(life: Life) -> None:
    assert life.written != []
    assert [path for path in life.written if path.exists()] == []
