"""Changes of what an Image Factory makes, previewed: contents spelt out, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap.lock import Lock
from tests.engine.result import Json
from tests.stacks.changes import Change, Edit, PreviewChange, previews_of
from tests.stacks.differences import ABSENT, operations
from tests.stacks.outside import Outside
from tests.stacks.site import PracticeSite, open_site

pytestmark = pytest.mark.engine

GVISOR = "siderolabs/gvisor"
OFFICIAL = ("customization", "systemExtensions", "officialExtensions")
GPU = "gpu-1-11-5-amd64"


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, engine_directory: Path, outside: Outside
) -> Iterator[PracticeSite]:
    folder = tmp_path_factory.mktemp("factory-changes")
    with open_site(folder, engine_directory, outside, "airgap-factory") as opened:
        opened.workspace.up()
        yield opened


@pytest.fixture(scope="module")
def preview(site: PracticeSite) -> PreviewChange:
    return previews_of(site)


def _touched(change: Change) -> set[str]:
    """Return every part of a changed path."""
    return {step for changes in change.seen.values() for path in changes for step in path}


def another_extension(value: Json) -> None:
    value["serverClasses"][0]["extensions"].append(GVISOR)


def another_extension_of_what_is_booted(value: Json) -> None:
    value["serverClasses"][2]["extensions"].append(GVISOR)


def another_class_of_the_same(value: Json) -> None:
    extensions = value["serverClasses"][0]["extensions"]
    spare = {"name": "spare-servers", "environment": "talos-1-11-5-amd64"}
    value["serverClasses"].append({**spare, "extensions": extensions})


def next_talos(value: Json) -> None:
    value["talos"]["versions"] = ["v1.11.6"]
    for environment in value["environments"]:
        environment["talos"] = "v1.11.6"


EDITS = (
    another_extension,
    another_extension_of_what_is_booted,
    another_class_of_the_same,
    next_talos,
)


# The site itself


def test_equal_customisation_is_one_schematic_and_one_installer(site: PracticeSite) -> None:
    classes = sorted(pin.classes for pin in site.lock.schematics.values())
    assert classes == [("backup-servers", "storage-servers"), ("gpu-servers",)]


def test_what_the_factory_reads_is_where_it_looks(site: PracticeSite) -> None:
    """`<registry>/siderolabs/<name>` (image-factory v1.5.0, artifacts.core); its own image is not
    read."""
    names = {name for name in site.registry.content.names if name.startswith("siderolabs/")}
    assert names == {
        "siderolabs/extensions",
        "siderolabs/imager",
        "siderolabs/installer-base",
        "siderolabs/iscsi-tools",
        "siderolabs/nvidia-container-toolkit-lts",
        "siderolabs/nvidia-open-gpu-kernel-modules-lts",
        "siderolabs/overlays",
        "siderolabs/util-linux-tools",
    }


def test_no_byte_was_sent_for_the_factorys_places(site: PracticeSite) -> None:
    asked = [item for item in site.registry.requests if item.path.startswith("/v2/siderolabs/")]
    mounts = [item for item in asked if item.method == "POST"]
    assert mounts
    assert {("from=" in item.query, item.status) for item in mounts} == {(True, 201)}
    assert not [
        item for item in asked if item.method in ("PUT", "PATCH") and "/uploads/" in item.path
    ]


# One more extension


def test_an_extension_shows_its_name_its_schematic_its_image_and_its_installer(
    preview: PreviewChange,
) -> None:
    change = preview(another_extension)
    storage = "storage-servers"
    image = ("machine", "install", "image")
    seen = change.seen
    assert seen["image-factory"].keys() == {
        ("schematics", storage, "id"),
        ("schematics", storage, "schematic", *OFFICIAL),
    }
    before = ["siderolabs/iscsi-tools", "siderolabs/util-linux-tools"]
    assert seen["schematic-storage-servers"]["schematic", *OFFICIAL] == (before, [*before, GVISOR])
    for held in ("images-extensions", "factory-artifacts"):
        assert set(seen[held]) == {("images", f"ghcr.io/{GVISOR}")}
        assert seen[held]["images", f"ghcr.io/{GVISOR}"][0] == ABSENT
    its_class = ("serverClasses", storage)
    assert set(seen["sidero"]) == {
        (*its_class, "installer", "builtOnSite", "schematicId"),
        (*its_class, "installer", "image"),
        (*its_class, "machineConfig", "v1alpha1", *image),
    }
    assert f'+ [2]: "{GVISOR}"' in change.preview.stdout


def test_an_extension_changes_nothing_else(preview: PreviewChange) -> None:
    change = preview(another_extension)
    assert set(operations(change.preview)) == {
        "image-factory",
        "schematic-storage-servers",
        "images-extensions",
        "images-signatures",
        "factory-artifacts",
        "sidero",
        "manifests-sidero",
        "manifests-machine-config",
    }
    others = ("backup-servers", "gpu-servers", GPU, "talos-1-11-5-amd64")
    assert not [step for step in _touched(change) for other in others if other in step]


def test_an_extension_of_what_machines_boot_is_another_environment_of_theirs(
    preview: PreviewChange,
) -> None:
    change = preview(another_extension_of_what_is_booted)
    environment = ("environments", GPU)
    old, new = change.seen["image-factory"]["schematics", "gpu-servers", "id"]
    moved = change.seen["sidero"]
    for part, name in (("kernel", "kernel-amd64"), ("initrd", "initramfs-amd64.xz")):
        urls = moved[(*environment, part, "url")]
        assert [url.rpartition("/")[2] for url in urls] == [name, name]
        assert (old in urls[0], new in urls[1]) == (True, True)
    assert (*environment, "object") in moved
    assert not [path for path in moved if "talos-1-11-5-amd64" in path or "default" in path]
    made = {path for path in change.seen["assets-talos-v1.11.5"] if path[0] == "assets"}
    assert {key.split("/")[1] for _, key in made} == {old, new}


def pins_of(lock: Lock) -> dict[str, str]:
    """Return the digest of each image and boot asset."""
    images = {key: pin.digest for key, pin in lock.images.items()}
    return images | {key: pin.sha256 for key, pin in lock.assets.items()}


# A class that is as another one


def test_a_class_like_another_adds_itself_and_no_byte(
    site: PracticeSite, preview: PreviewChange
) -> None:
    change = preview(another_class_of_the_same)
    assert operations(change.preview) == {
        "image-factory": "update",
        "schematic-spare-servers": "create",
        "sidero": "update",
        "manifests-sidero": "update",
        "manifests-machine-config": "update",
    }
    (identifier,) = (
        key for key, pin in change.lock.schematics.items() if "spare-servers" in pin.classes
    )
    content = {
        "customization": {
            "systemExtensions": {
                "officialExtensions": ["siderolabs/iscsi-tools", "siderolabs/util-linux-tools"]
            }
        }
    }
    assert change.seen["image-factory"] == {
        ("schematics", "spare-servers"): (ABSENT, {"id": identifier, "schematic": content})
    }
    assert set(change.seen["sidero"]) == {("serverClasses", "spare-servers")}
    assert pins_of(change.lock) == pins_of(site.lock)
    assert set(change.lock.schematics) == set(site.lock.schematics)


# Another Talos


def test_a_talos_version_leaves_schematics_as_they_are(preview: PreviewChange) -> None:
    """A schematic names no release (image-factory, `pkg/schematic`)."""
    changed = operations(preview(next_talos).preview)
    assert "image-factory" not in changed
    assert not [name for name in changed if name.startswith("schematic-")]


def test_a_talos_version_changes_versions_and_what_they_name(
    site: PracticeSite, preview: PreviewChange
) -> None:
    change = preview(next_talos)
    assert operations(change.preview) == {
        site.name: "update",
        "asset-mirror": "update",
        "images-talos": "update",
        "images-extensions": "update",
        "images-signatures": "update",
        "factory-artifacts": "update",
        "assets-talos-v1.11.5": "delete",
        "assets-talos-v1.11.6": "create",
        "sidero": "update",
        "manifests-sidero": "update",
        "manifests-machine-config": "update",
    }
    name = "ghcr.io/siderolabs/imager"
    for held in ("images-talos", "factory-artifacts"):
        pins = [each for path, each in change.seen[held].items() if path[:2] == ("images", name)]
        old, new = (str(list(side)) for side in zip(*pins, strict=True))
        assert ("v1.11.5@sha256:" in old, "v1.11.6@sha256:" in new) == (True, True)
    kernel = change.seen["sidero"]["environments", GPU, "kernel", "url"]
    assert ["/v1.11.5/" in kernel[0], "/v1.11.6/" in kernel[1]] == [True, True]


@pytest.mark.parametrize("edit", EDITS)
def test_a_preview_asks_nobody(preview: PreviewChange, edit: Edit) -> None:
    assert preview(edit).requests == 0
