"""One change of the site, previewed: it shows key by key, old => new, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.result import Json
from tests.stacks.changes import Edit, PreviewChange, previews_of
from tests.stacks.differences import ABSENT, differences, operations
from tests.stacks.outside import Outside
from tests.stacks.site import PracticeSite, open_site, plain

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, engine_directory: Path, outside: Outside
) -> Iterator[PracticeSite]:
    with open_site(tmp_path_factory.mktemp("changes"), engine_directory, outside, "lab") as opened:
        opened.change({**plain(opened.value), "images": ["docker.io/library/nginx:1.27.3"]})
        opened.workspace.up()
        yield opened


@pytest.fixture(scope="module")
def preview_change(site: PracticeSite) -> PreviewChange:
    return previews_of(site)


def _next_talos(value: Json) -> None:
    value["talos"]["versions"] = ["v1.11.6"]
    value["environments"][0]["talos"] = "v1.11.6"


def _next_image(value: Json) -> None:
    value["images"] = ["docker.io/library/nginx:1.27.4"]


def _another_extension(value: Json) -> None:
    value["serverClasses"][0]["extensions"].append("siderolabs/gvisor")


def _skip_verify(value: Json) -> None:
    registry = value["registry"]
    mirror = {
        "endpoints": [f"{registry['endpoints'][0]['url']}/v2/ghcr.io"],
        "overridePath": True,
        "skipFallback": True,
        "skipVerify": True,
    }
    registry["mirrors"] = {"ghcr.io": mirror}


# One image


def test_an_image_changes_its_one_key(site: PracticeSite, preview_change: PreviewChange) -> None:
    change = preview_change(_next_image)
    old = site.lock.images["docker.io/library/nginx:1.27.3"].digest
    new = change.lock.images["docker.io/library/nginx:1.27.4"].digest
    pins = (f"1.27.3@{old}", f"1.27.4@{new}")
    assert operations(change.preview) == {"images-workloads": "update"}
    assert change.seen == {"images-workloads": {("images", "docker.io/library/nginx"): pins}}
    assert f'~ docker.io/library/nginx: "{pins[0]}" => "{pins[1]}"' in change.preview.stdout


# One extension


def test_an_extension_changes_its_class_schematic_and_image(preview_change: PreviewChange) -> None:
    preview = preview_change(_another_extension).preview
    official = ("schematic", "customization", "systemExtensions", "officialExtensions")
    image = ("machine", "install", "image")
    its_class = ("serverClasses", "storage-servers")
    seen = differences(preview)
    assert {name: set(changes) for name, changes in seen.items()} == {
        "image-factory": {
            ("schematics", "storage-servers", "id"),
            ("schematics", "storage-servers", *official),
        },
        "schematic-storage-servers": {("schematicId",), official},
        "images-extensions": {("images", "ghcr.io/siderolabs/gvisor")},
        "images-signatures": {("images", "ghcr.io/siderolabs/gvisor")},
        "factory-artifacts": {("images", "ghcr.io/siderolabs/gvisor")},
        "sidero": {
            (*its_class, "installer", "builtOnSite", "schematicId"),
            (*its_class, "installer", "image"),
            (*its_class, "machineConfig", "v1alpha1", *image),
        },
        "manifests-sidero": {(*_delivered_patch("storage-servers"), *image)},
        "manifests-machine-config": {
            *((*place, *image) for place in _node_files("storage-servers")),
            _command("storage-servers", 3),  # talosctl upgrade --image …
        },
    }
    assert set(operations(preview)) == set(seen)
    before = ["siderolabs/iscsi-tools", "siderolabs/util-linux-tools"]
    assert seen["schematic-storage-servers"][official] == (before, [*before, "siderolabs/gvisor"])
    assert '+ [2]: "siderolabs/gvisor"' in preview.stdout


# One mirror's skipVerify


def test_skip_verify_shows_at_its_mirror_and_in_every_machine_config(
    site: PracticeSite, preview_change: PreviewChange
) -> None:
    preview = preview_change(_skip_verify).preview
    # Talos hangs TLS on the endpoint's host:port (v1alpha1 `machine.registries.config`).
    tls = ("machine", "registries", "config", site.registry.host, "tls", "insecureSkipVerify")
    classes = ("gpu-servers", "storage-servers")
    switched_on = (ABSENT, True)
    seen = dict(differences(preview))
    own = seen.pop("manifests-management")  # the machines that run Sidero pull there as well
    assert {path[-1] for path in own} == {"skipVerify", "insecureSkipVerify"}
    assert set(own.values()) == {switched_on}
    assert seen == {
        "registry": {("mirrors", "ghcr.io", "skipVerify"): (False, True)},
        "sidero": {
            ("serverClasses", name, "machineConfig", "v1alpha1", *tls): switched_on
            for name in classes
        },
        "manifests-sidero": {(*_delivered_patch(name), *tls): switched_on for name in classes},
        "manifests-machine-config": {
            (*place, *tls): switched_on for name in classes for place in _node_files(name)
        },
    }
    assert set(operations(preview)) == set(differences(preview))
    assert "~ skipVerify  : false => true" in preview.stdout


# A Talos patch version


def test_a_talos_version_adds_one_asset_set_and_releases_one(preview_change: PreviewChange) -> None:
    assert operations(preview_change(_next_talos).preview) == {
        "lab": "update",
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


def test_a_talos_version_shows_images_old_and_new(
    site: PracticeSite, preview_change: PreviewChange
) -> None:
    change = preview_change(_next_talos)
    name = "ghcr.io/siderolabs/installer-base"
    old = site.lock.images[f"{name}:v1.11.5"].digest
    new = change.lock.images[f"{name}:v1.11.6"].digest
    pins = (f"v1.11.5@{old}", f"v1.11.6@{new}")
    assert change.seen["images-talos"]["images", name] == pins
    assert f'"{pins[0]}" => "{pins[1]}"' in change.preview.stdout


def test_a_talos_version_shows_boot_assets_old_and_new(
    site: PracticeSite, preview_change: PreviewChange
) -> None:
    change = preview_change(_next_talos)
    old = site.lock.assets["v1.11.5/vmlinuz-amd64"].sha512.removeprefix("sha512:")
    new = change.lock.assets["v1.11.6/vmlinuz-amd64"].sha512.removeprefix("sha512:")
    kernel = ("environments", "talos-1-11-5-amd64", "kernel")
    seen = change.seen["sidero"]
    mirror = f"{site.website.url}/talos"
    assert seen[(*kernel, "sha512")] == (old, new)
    assert seen[(*kernel, "url")] == (
        f"{mirror}/v1.11.5/{old[:16]}/vmlinuz-amd64",
        f"{mirror}/v1.11.6/{new[:16]}/vmlinuz-amd64",
    )


def test_a_talos_version_changes_only_versions_and_what_they_name(
    preview_change: PreviewChange,
) -> None:
    named = {"talos", "version", "image", "url", "sha512"}  # last keys of a path
    named |= {"object", "name"}  # an Environment's name in the cluster names its content
    others = {
        (name, path)
        for name, changes in differences(preview_change(_next_talos).preview).items()
        for path in changes
        if path[-1] not in named and path[0] not in ("images", "assets")
    }
    commands = {
        ("manifests-machine-config", _command(name, line))
        for name in ("gpu-servers", "storage-servers")
        for line in (0, 3)  # which talosctl, and to which installer
    }
    assert others == {("lab", ("talos", "versions", "0"))} | commands


@pytest.mark.parametrize("edit", [_next_talos, _next_image, _another_extension, _skip_verify])
def test_a_changes_preview_asks_nobody(preview_change: PreviewChange, edit: Edit) -> None:
    assert preview_change(edit).requests == 0


def _delivered_patch(server_class: str) -> tuple[str, ...]:
    """Return the path to a ServerClass' first strategic patch, in `manifests-sidero`."""
    file = f"server-classes/{server_class}.yaml"
    return ("files", file, "documents", "0", "spec", "strategicPatches", "0", "0")


def _node_files(server_class: str) -> Iterator[tuple[str, ...]]:
    """Yield the paths to a class' first document, in the files of `manifests-machine-config`."""
    base = f"machine-config/{server_class}"
    patches = ("strategicPatches", "0", "0")
    yield ("files", f"{base}.patch.yaml", "documents", "0")
    control_plane = ("spec", "controlPlaneConfig", "controlplane")
    yield ("files", f"{base}.talos-control-plane.yaml", "documents", "0", *control_plane, *patches)
    template = ("spec", "template", "spec")
    yield ("files", f"{base}.talos-config-template.yaml", "documents", "0", *template, *patches)


def _command(server_class: str, line: int) -> tuple[str, ...]:
    """Return the path to a line of the commands for a class' machines."""
    return ("files", f"machine-config/{server_class}.commands.txt", "lines", str(line))
