"""Somebody touches the site behind our back: a refresh shows the very item, an up repairs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from airgap.digest import Digest
from tests.engine.result import Result
from tests.practice_images import make_image
from tests.stacks.differences import drift, operations
from tests.stacks.outside import Outside
from tests.stacks.site import PracticeSite, open_site, places_of

pytestmark = pytest.mark.engine

KERNEL, INITRAMFS = "v1.11.5/vmlinuz-amd64", "v1.11.5/initramfs-amd64.xz"
REMOVED, MOVED = "registry.k8s.io/pause", "docker.io/library/nginx"


@dataclass(frozen=True, kw_only=True)
class Story:
    """What was seen of the damage, and what the next up did about it."""

    site: PracticeSite
    moved_to: str  # the digest of somebody else's image
    images: Mapping[str, str]
    files: Mapping[str, str]
    patch: bytes
    preview: Result
    refresh: Result
    up: Result
    sent: list[str]
    images_after: Mapping[str, str]
    files_after: Mapping[str, str]
    patch_after: bytes
    published_again: set[str]


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory, engine_directory: Path, outside: Outside
) -> Iterator[Story]:
    directory = tmp_path_factory.mktemp("drift")
    with open_site(directory, engine_directory, outside, "airgap-basic") as site:
        site.workspace.up()
        images, files = site.served_images(), site.published_files()
        patch = site.workspace.directory / "out/airgap-basic/machine-config/workers.patch.yaml"
        written = patch.read_bytes()
        moved_to = damage(site)
        patch.write_bytes(written + b"# edited\n")
        preview = site.workspace.refresh("--preview-only", "--diff")
        refresh = site.workspace.refresh()
        before = _inodes(site)
        site.forget_requests()
        up = site.workspace.up()
        yield Story(
            site=site,
            moved_to=moved_to,
            images=images,
            files=files,
            patch=written,
            preview=preview,
            refresh=refresh,
            up=up,
            sent=site.sent(),
            images_after=site.served_images(),
            files_after=site.published_files(),
            patch_after=patch.read_bytes(),
            published_again={
                name for name, node in _inodes(site).items() if before.get(name) != node
            },
        )


def damage(site: PracticeSite) -> str:
    """Delete a file, truncate another, remove an image, move a tag; return whereto it moved."""
    (site.www / KERNEL).unlink()
    initramfs = site.www / INITRAMFS
    initramfs.chmod(0o644)
    initramfs.write_bytes(initramfs.read_bytes()[:1000])
    content = site.registry.content
    content.remove_manifest(REMOVED, site.lock.images[f"{REMOVED}:3.10"].digest)
    other = make_image("somebody else's")
    other.put(content, MOVED, "1.27.3")
    return other.digest


def _inodes(site: PracticeSite) -> dict[str, int]:
    return {name: (site.www / name).stat().st_ino for name in site.published_files()}


# What a refresh shows


def test_refresh_shows_each_item_and_nothing_else(story: Story) -> None:
    lock = story.site.lock
    removed = f"3.10@{lock.images[f'{REMOVED}:3.10'].digest}"
    moved = f"1.27.3@{lock.images[f'{MOVED}:1.27.3'].digest}"
    seen = drift(story.preview)
    assert {name: set(changes) for name, changes in seen.items()} == {
        "images-kubernetes": {("images", REMOVED)},
        "images-workloads": {("images", MOVED)},
        "assets-talos-v1.11.5": {("assets", KERNEL), ("assets", INITRAMFS)},
        "manifests-machine-config": {("files", "machine-config/workers.patch.yaml")},
    }
    assert seen["images-kubernetes"]["images", REMOVED] == (removed, "missing")
    assert seen["images-workloads"]["images", MOVED] == (moved, f"1.27.3@{story.moved_to}")
    assert seen["assets-talos-v1.11.5"]["assets", KERNEL][1] == "missing"
    assert seen["assets-talos-v1.11.5"]["assets", INITRAMFS][1] == "truncated to 1000 bytes"


def test_refresh_is_readable_without_the_events(story: Story) -> None:
    moved = story.site.lock.images[f"{MOVED}:1.27.3"].digest
    lines = {line.strip() for line in story.preview.stdout.splitlines()}
    assert f'~ {MOVED}: "1.27.3@{moved}" => "1.27.3@{story.moved_to}"' in lines
    assert f'+ {KERNEL}     : "missing"' in lines
    assert f'+ {INITRAMFS}: "truncated to 1000 bytes"' in lines
    assert "~ 4 to update" in lines


def test_refresh_finds_what_its_preview_showed(story: Story) -> None:
    assert drift(story.refresh) == drift(story.preview)


# What the next up does


def test_up_after_drift_updates_the_damaged_sets_only(story: Story) -> None:
    assert operations(story.up) == dict.fromkeys(drift(story.refresh), "update")


def test_up_after_drift_makes_the_site_whole(story: Story) -> None:
    assert story.images_after == story.images
    assert story.files_after == story.files
    assert story.patch_after == story.patch


def test_up_after_drift_sends_the_two_images_only(story: Story) -> None:
    repositories = {path.removeprefix("/v2/").partition("/manifests/")[0] for path in story.sent}
    assert repositories == {REMOVED, MOVED}


def test_up_after_drift_sends_no_blob_that_is_there(story: Story) -> None:
    assert [path for path in story.sent if "/manifests/" not in path] == []


def test_up_after_drift_publishes_the_two_files_only(story: Story) -> None:
    assert story.published_again == {KERNEL, INITRAMFS}


# A flipped bit, in either of an asset's two places


def test_flipped_bit_of_the_plain_file_is_found_and_repaired(story: Story) -> None:
    site = story.site
    _flip(site.www / KERNEL)
    found = drift(site.workspace.refresh())
    assert set(found) == {"assets-talos-v1.11.5"}
    assert set(found["assets-talos-v1.11.5"]) == {("assets", KERNEL)}
    site.workspace.up()
    assert site.published_files() == story.files


def test_flipped_bit_of_a_linked_file_names_the_bad_blob_and_fetch(story: Story) -> None:
    """The content-addressed file shares the blob's inode: the store is damaged with it."""
    site = story.site
    linked = site.www / places_of(KERNEL, site.lock.assets[KERNEL].sha512)[1]
    blob = site.store.blob_path(Digest.parse(site.lock.assets[KERNEL].sha256))
    good = blob.read_bytes()
    _flip(linked)
    try:
        found = drift(site.workspace.refresh())["assets-talos-v1.11.5"]
        assert set(found) == {("assets", KERNEL)}
        assert linked.samefile(blob), "without reflinks a hard link is what is expected here"
        failed = site.workspace.up(exit_code=None)
        assert failed.exit_code != 0
        assert "python -m airgap fetch <site> --rehash" in failed.output
    finally:
        blob.unlink()
        blob.write_bytes(good)  # as `fetch --rehash` would
    site.workspace.up()
    assert site.published_files() == story.files


def _flip(path: Path) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    with path.open("r+b") as file:  # the same inode
        file.write(data)
