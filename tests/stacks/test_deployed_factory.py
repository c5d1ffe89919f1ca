"""Changes of a factory that is delivered with the site, previewed: its image, its settings by key.

It writes to a registry of its own, in plain http: a practice registry has an address and no name,
and a factory takes an address for plain http (go-containerregistry v0.21 `pkg/name`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from airgap.talos import version_key
from lab.registry import Registry
from tests.engine.result import Json, Result
from tests.stacks.differences import differences, operations
from tests.stacks.outside import FORMER_FACTORY, Outside
from tests.stacks.site import PracticeSite, open_site, plain

pytestmark = pytest.mark.engine

SCHEMATICS = ("schematic-backup-servers", "schematic-gpu-servers", "schematic-storage-servers")
Preview = Callable[[Json], Result]


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    """The factory's own."""
    with Registry() as running:
        yield running
        assert running.crashes == []


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    engine_directory: Path,
    outside: Outside,
    registry: Registry,
) -> Iterator[PracticeSite]:
    folder = tmp_path_factory.mktemp("deployed-factory")
    with open_site(folder, engine_directory, outside, "airgap-factory") as opened:
        value = plain(copy.deepcopy(opened.value))
        value["imageFactory"] |= {"kind": "deployed", "registry": registry.url}
        opened.change(value)
        opened.workspace.up()
        yield opened


@pytest.fixture
def preview(site: PracticeSite) -> Iterator[Preview]:
    """Previews another imageFactory, locked outside if its release is another; nothing stays."""
    value, lock = copy.deepcopy(site.value), site.lock

    def preview_with(factory: Json) -> Result:
        changed = copy.deepcopy(value)
        changed["imageFactory"] |= factory
        site.change(changed, relock="version" in factory)
        site.forget_requests()
        shown = site.workspace.preview("--diff")
        assert site.requests == []
        return shown

    yield preview_with
    site.change(value, relock=False)
    site.write_lock(lock)


def test_its_schematics_are_where_it_will_look_and_it_need_not_run(
    site: PracticeSite, registry: Registry
) -> None:
    """A factory keeps a schematic by its ID (image-factory, `internal/schematic/storage`)."""
    kept = registry.content.repository("image-factory/schematics")
    assert kept is not None
    assert set(kept.tags) == set(site.lock.schematics)
    assert site.factory.requests.select(path="/schematics") == []


def test_a_release_of_the_factory_is_its_image_and_whose_ids_they_are(
    site: PracticeSite, preview: Preview
) -> None:
    changed = preview({"version": FORMER_FACTORY})
    image = "ghcr.io/siderolabs/image-factory"
    seen = differences(changed)
    images = ("images-factory", "images-signatures")  # what is attached to it goes with it
    assert operations(changed) == dict.fromkeys(
        (site.name, "image-factory", "manifests-image-factory", *images, *SCHEMATICS), "update"
    )
    assert set(seen[site.name]) == {("imageFactory", "version")}  # what releases are judged by
    assert set(seen["images-factory"]) == {("images", image)}
    assert set(seen["image-factory"]) == {("version",), ("deployment", "image")}
    before, after = seen["image-factory"]["deployment", "image"]
    assert (":v1.5.0@sha256:" in before, f":{FORMER_FACTORY}@sha256:" in after) == (True, True)
    for name in SCHEMATICS:  # the IDs stay: nothing in them is written differently
        assert seen[name] == {("factory", "version"): ("v1.5.0", FORMER_FACTORY)}
    assert version_key(FORMER_FACTORY) < version_key("v1.5.0")


def test_a_setting_is_shown_by_its_key_and_reaches_every_way_of_running_it(
    preview: Preview,
) -> None:
    changed = preview({"deployment": {"maxConcurrency": 2}})
    seen = differences(changed)
    assert operations(changed) == {"image-factory": "update", "manifests-image-factory": "update"}
    key = ("deployment", "configuration", "build", "maxConcurrency")
    assert seen["image-factory"] == {key: (6, 2)}
    moved = {path[1].rpartition("/")[2] for path in seen["manifests-image-factory"]}
    assert moved == {"compose.yaml", "config.yaml", "kubernetes.yaml"}


def test_what_it_is_given_names_the_sites_hosts_alone(
    site: PracticeSite, registry: Registry
) -> None:
    folder = site.workspace.directory / "out" / site.name / "image-factory"
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    core, *written = (
        settings["artifacts"]["core"],
        settings["artifacts"]["schematic"],
        settings["artifacts"]["installer"]["internal"],
        settings["cache"]["oci"],
    )
    assert (core["registry"], core["insecure"]) == (site.registry.host, False)
    assert {(item["registry"], item["insecure"]) for item in written} == {(registry.host, True)}
