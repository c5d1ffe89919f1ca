"""The migration path: one stack taken through the three committed states, each previewed first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from airgap.sidero import validate
from tests.engine.result import Json, Result
from tests.stacks.differences import ABSENT, differences, operations
from tests.stacks.outside import Outside
from tests.stacks.site import PracticeSite, open_site

pytestmark = pytest.mark.engine

STEPS = ("migration-1-stock", "migration-2-mirrors", "migration-3-boot-asset")
ENVIRONMENTS = {"default", "talos-1-11-5-amd64", "talos-1-11-5-arm64"}


@dataclass(frozen=True, kw_only=True)
class Journey:
    """What each step's preview showed, and the files that each step left."""

    site: PracticeSite
    previews: list[Result]
    again: list[Result]
    files: list[dict[str, Json]]


@pytest.fixture(scope="module")
def journey(
    tmp_path_factory: pytest.TempPathFactory, engine_directory: Path, outside: Outside
) -> Iterator[Journey]:
    directory = tmp_path_factory.mktemp("migration")
    with open_site(directory, engine_directory, outside, STEPS[0]) as site:
        site.workspace.up()
        previews, again, files = [], [], [_written(site)]
        for step in STEPS[1:]:
            site.change(site.state_of(step))
            previews.append(site.workspace.preview("--diff"))
            site.workspace.up()
            again.append(site.workspace.up())
            files.append(_written(site))
        yield Journey(site=site, previews=previews, again=again, files=files)


def _written(site: PracticeSite) -> dict[str, Json]:
    """Return the YAML files of one document that the stack wrote, by path."""
    out = site.workspace.directory / "out" / site.name
    return {
        path.relative_to(out).as_posix(): yaml.safe_load(path.read_text(encoding="utf-8"))
        for folder in ("environments", "server-classes", "crds", ".")
        for path in sorted((out / folder).glob("*.yaml"))
    }


def test_the_second_step_shows_air_gap_and_the_definition_and_nothing_else(
    journey: Journey,
) -> None:
    preview = journey.previews[0]
    assert operations(preview) == {
        "sidero": "update",
        "manifests-sidero": "update",
        "manifests-crds": "create",
    }
    shown = differences(preview)["sidero"]
    assert set(shown) == {
        ("flavour",),
        *(("environments", name, "airGap") for name in ENVIRONMENTS),
    }
    assert {old for path, (old, _) in shown.items() if path != ("flavour",)} == {ABSENT}


def test_the_third_step_shows_boot_assets_and_the_cache_and_nothing_else(journey: Journey) -> None:
    shown = differences(journey.previews[1])
    fields = {("bootAsset",), ("airGap", "imageCacheURL")}
    environments = {("environments", name, *field) for name in ENVIRONMENTS for field in fields}
    machine = ("machineConfig", "v1alpha1", "machine", "features")
    classes = {("serverClasses", name, *machine) for name in ("edge", "workers")}
    assert set(shown["sidero"]) == environments | classes
    assert {old for old, _ in shown["sidero"].values()} == {ABSENT}
    images = {("assets", f"v1.11.5/metal-{arch}.raw.zst") for arch in ("amd64", "arm64")}
    assert set(shown["assets-talos-v1.11.5"]) == images
    others = operations(journey.previews[1])
    assert {name for name, kind in others.items() if kind == "create"} == {
        "image-cache-v1.11.5-amd64",
        "image-cache-v1.11.5-arm64",
    }
    assert set(others.values()) == {"create", "update"}
    assert not [name for name in others if name.startswith(("images-", "registry"))]


def test_every_step_is_whole(journey: Journey) -> None:
    assert [result.changes for result in journey.again] == [{}, {}]
    for files, flavour in zip(journey.files, ("stock", "airgap", "airgap"), strict=True):
        objects = [item for path, item in files.items() if path.startswith(("env", "server-"))]
        assert len(objects) == 4
        for item in objects:
            assert validate(item, flavour=flavour) == (), json.dumps(item)


def test_no_environment_is_renamed_on_the_way(journey: Journey) -> None:
    """A name is Sidero's folder: a new one would be downloaded anew."""
    names = [
        [item["metadata"]["name"] for path, item in files.items() if path.startswith("env")]
        for files in journey.files
    ]
    assert names[0] == names[1] == names[2]


def test_the_disk_images_are_served_as_the_environments_say(journey: Journey) -> None:
    published = journey.site.published_files()
    mirror = journey.site.value["assetMirror"]["url"]
    for name in ("talos-1-11-5-amd64", "talos-1-11-5-arm64"):
        asset = journey.files[2][f"environments/{name}.yaml"]["spec"]["bootAsset"]
        path = asset["url"].removeprefix(f"{mirror}/")
        assert published[path] == f"sha512:{asset['sha512']}"
