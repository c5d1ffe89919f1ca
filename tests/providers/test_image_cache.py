"""ImageCache as the engine calls it, against a real web server's directory and a registry."""

from __future__ import annotations

import copy
import hashlib
import os
import tarfile
from pathlib import Path
from typing import cast

import pytest

from airgap.digest import sha256_of
from airgap.imagecache.contents import build_tree
from airgap.imagecache.forms import write_file
from airgap.plan.cache_content import CacheContent, FileForm, cache_file
from airgap.store import Store
from lab.registry import Registry
from providers.adapter import ProviderError
from providers.image_cache import ImageCache, ImageCacheProvider
from providers.surroundings import EngineLog
from tests.imagecache.images import add_manifest
from tests.practice_images import PracticeImage
from tests.web_directory import WebDirectory

Inputs = dict[str, object]
SET = "berlin/image-cache-v1.11.5-amd64"


@pytest.fixture
def content(images: dict[str, PracticeImage]) -> CacheContent:
    return CacheContent(
        platforms=("linux/amd64",),
        images={reference: image.digest for reference, image in images.items()},
    )


def path_of(content: CacheContent, form: FileForm = "tar") -> str:
    return cache_file(content, form, "v1.11.5", "amd64")


def inputs_of(content: CacheContent, destination: Inputs, published: Inputs) -> Inputs:
    images: Inputs = {}
    for reference, digest in content.images.items():
        name, _, tag = reference.rpartition(":")
        pin = f"{tag}@{digest}"
        images[name] = [images[name], pin] if name in images else pin
    return {
        "set": SET,
        "destination": destination,
        "talos": "v1.11.5",
        "architecture": "amd64",
        "published": published,
        "platforms": ["linux/amd64"],
        "images": images,
        "onDelete": "retain",
    }


@pytest.fixture
def files(content: CacheContent, web: WebDirectory) -> Inputs:
    """A tar and a CD on the asset mirror."""
    destination: Inputs = {
        "kind": "directory",
        "url": web.mirror_url,
        "path": str(web.directory),
    }
    published: Inputs = {form: path_of(content, form) for form in ("tar", "iso")}
    return inputs_of(content, destination, published)


@pytest.fixture
def image(content: CacheContent, registry: Registry) -> Inputs:
    """An image in the registry."""
    destination: Inputs = {
        "kind": "existing",
        "endpoint": registry.url,
        "pathPrefix": "",
        "layout": "prefix",
        "overwrite": False,
    }
    return inputs_of(content, destination, {"image": "image-cache:v1.11.5-amd64"})


def published(inputs: Inputs | None) -> Inputs:
    assert inputs is not None
    return cast("Inputs", inputs["published"])


def changed(inputs: Inputs, **more: object) -> Inputs:
    return {**copy.deepcopy(inputs), **more}


def test_token_is_the_one_in_users_states() -> None:
    assert ImageCache._resource_type_name == "dynamic/airgap:ImageCache"


def test_inputs_of_either_destination_are_accepted(files: Inputs, image: Inputs) -> None:
    for inputs in (files, image):
        assert ImageCacheProvider().check({}, inputs).failures == []


def test_a_path_that_does_not_name_the_content_is_refused(files: Inputs) -> None:
    wrong = changed(files, published={"tar": "v1.11.5/image-cache-0123456789abcdef-amd64.oci.tar"})
    (failure,) = ImageCacheProvider().check({}, wrong).failures
    assert "does not name this content" in failure.reason


def test_a_form_that_the_destination_cannot_take_is_refused(files: Inputs, image: Inputs) -> None:
    for inputs in (changed(files, published={"image": "a:b"}), changed(image, published={})):
        assert ImageCacheProvider().check({}, inputs).failures


@pytest.mark.parametrize("key", ["url", "path"])
def test_the_mirror_is_identity(files: Inputs, key: str) -> None:
    other = copy.deepcopy(files)
    cast("Inputs", other["destination"])[key] = "/other"
    assert ImageCacheProvider().diff("id", files, other).replaces == ["destination"]


def test_content_is_updated_in_place(files: Inputs) -> None:
    other = changed(files, images={})
    found = ImageCacheProvider().diff("id", files, other)
    assert (found.changes, found.replaces) == (True, [])


def test_create_publishes_each_form_and_lists_its_sum(
    store: Store, web: WebDirectory, files: Inputs, content: CacheContent
) -> None:
    created = ImageCacheProvider().create(files)
    assert created.id == f"directory:{web.mirror_url}[{web.directory}]#{SET}"
    with tarfile.open(web.directory / path_of(content)) as archive:
        assert "index.json" in archive.getnames()
    listed = (web.directory / "v1.11.5" / "checksums.txt").read_text()
    for form in ("tar", "iso"):
        path = path_of(content, form)
        digest = hashlib.sha512((web.directory / path).read_bytes()).hexdigest()
        assert f"{digest}  {path.partition('/')[2]}" in listed


def test_directory_of_a_cache_is_readable_whatever_the_umask(
    store: Store, web: WebDirectory, files: Inputs
) -> None:
    before = os.umask(0o077)
    try:
        ImageCacheProvider().create(files)
    finally:
        os.umask(before)
    assert (web.directory / "v1.11.5").stat().st_mode & 0o777 == 0o755


@pytest.fixture
def untyped(store: Store, web: WebDirectory) -> Inputs:
    """A CD with a manifest that has no media type of its own, as old tools wrote them."""
    built = add_manifest(store, [b"layer"], typed=False)
    images = {"registry.k8s.io/old:1": str(built.digest)}
    content = CacheContent(platforms=("linux/amd64",), images=images)
    destination: Inputs = {
        "kind": "directory",
        "url": web.mirror_url,
        "path": str(web.directory),
    }
    return inputs_of(content, destination, {"iso": path_of(content, "iso")})


def test_what_machines_without_a_registry_could_not_be_served_is_refused(
    web: WebDirectory, untyped: Inputs
) -> None:
    """registryd up to Talos 1.12: 500 for a manifest without a top-level mediaType."""
    with pytest.raises(ProviderError, match=r"registry\.k8s\.io/old/reference/1.*answers 500"):
        ImageCacheProvider().create(changed(untyped, typedOnly=True))
    assert not list(web.directory.rglob("*.iso"))


@pytest.mark.parametrize(("talos", "told"), [("v1.11.5", True), ("v1.13.9", False)])
def test_where_there_is_a_registry_it_is_told_in_the_engines_diagnostics(
    web: WebDirectory,
    untyped: Inputs,
    monkeypatch: pytest.MonkeyPatch,
    talos: str,
    *,
    told: bool,
) -> None:
    said: list[str] = []
    monkeypatch.setattr(EngineLog, "warn", lambda _, message: said.append(message))
    path = str(published(untyped)["iso"]).replace("v1.11.5", talos)
    ImageCacheProvider().create(changed(untyped, talos=talos, published={"iso": path}))
    assert list(web.directory.rglob("*.iso"))
    assert any("old/reference/1 has no media type" in message for message in said) is told


def test_create_fails_when_the_url_serves_something_else(
    store: Store, web: WebDirectory, files: Inputs, tmp_path: Path
) -> None:
    web.directory = tmp_path / "another"
    with pytest.raises(ProviderError, match="does the web server map"):
        ImageCacheProvider().create(files)


def test_what_is_there_is_adopted_without_a_byte_written(
    store: Store, web: WebDirectory, files: Inputs, content: CacheContent
) -> None:
    """Somebody's own `image-cache create` made the same content: the same bytes."""
    place = web.directory / path_of(content)
    write_file("tar", build_tree(store, content), "linux/amd64", place)
    before = place.stat()
    ImageCacheProvider().create(files)
    assert (place.stat().st_ino, place.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_we_made_ourselves_is_not_made_again(
    store: Store, files: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    ImageCacheProvider().create(files)

    def make(*_: object, **__: object) -> None:
        raise AssertionError("nothing was to be done")

    monkeypatch.setattr("airgap.imagecache.publish.fill_file", make)
    ImageCacheProvider().update("id", files, files)


def test_an_adopted_file_that_somebody_changes_is_left_to_them(
    store: Store, web: WebDirectory, files: Inputs, content: CacheContent
) -> None:
    place = web.directory / path_of(content)
    write_file("tar", build_tree(store, content), "linux/amd64", place)
    ImageCacheProvider().create(files)
    place.chmod(0o644)
    place.write_bytes(b"mine")
    with pytest.raises(ProviderError, match="did not publish it"):
        ImageCacheProvider().update("id", files, files)
    assert place.read_bytes() == b"mine"


def test_adopted_files_stay_when_the_set_is_deleted(
    store: Store, web: WebDirectory, files: Inputs, content: CacheContent
) -> None:
    place = web.directory / path_of(content)
    write_file("tar", build_tree(store, content), "linux/amd64", place)
    ImageCacheProvider().create(files)
    ImageCacheProvider().delete("id", changed(files, onDelete="delete"))
    assert place.exists()
    assert not (web.directory / path_of(content, "iso")).exists()


def test_somebody_elses_file_is_not_replaced(
    store: Store, web: WebDirectory, files: Inputs, content: CacheContent
) -> None:
    place = web.directory / path_of(content)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"mine")
    with pytest.raises(ProviderError, match="did not publish it"):
        ImageCacheProvider().create(files)
    assert place.read_bytes() == b"mine"
    assert (web.directory / path_of(content, "iso")).exists()  # it did not depend on the other


def test_what_the_store_lacks_is_said_with_the_command(
    store: Store, files: Inputs, images: dict[str, PracticeImage]
) -> None:
    for image in images.values():
        for blob in image.blobs:
            path = store.blob_path(sha256_of(blob))
            path.unlink(missing_ok=True)
    with pytest.raises(ProviderError, match=r"pause:3\.10(.|\n)*airgap fetch"):
        ImageCacheProvider().create(files)


def test_refresh_shows_what_is_gone_or_changed_and_update_repairs_it(
    store: Store, web: WebDirectory, files: Inputs, content: CacheContent
) -> None:
    provider = ImageCacheProvider()
    identifier = provider.create(files).id
    assert provider.read(identifier, files).outs == files
    (web.directory / path_of(content)).unlink()
    medium = web.directory / path_of(content, "iso")
    medium.chmod(0o644)
    medium.write_bytes(b"other")
    read = provider.read(identifier, files)
    assert published(read.outs)["tar"] == "missing"
    assert str(published(read.outs)["iso"]).startswith("sha256:")
    again = provider.read(identifier, read.outs or {})
    assert again.outs == read.outs, "a second refresh keeps what the first one found"
    assert provider.diff(identifier, read.outs or {}, files).changes is True
    provider.update(identifier, read.outs or {}, files)
    assert provider.read(identifier, files).outs == files


def test_a_failed_create_leaves_what_is_done_and_the_next_one_goes_on(
    store: Store, web: WebDirectory, files: Inputs, content: CacheContent
) -> None:
    place = web.directory / path_of(content, "iso")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"mine")
    with pytest.raises(ProviderError):
        ImageCacheProvider().create(files)
    made = (web.directory / path_of(content)).stat().st_ino
    place.unlink()
    ImageCacheProvider().create(files)
    assert (web.directory / path_of(content)).stat().st_ino == made


@pytest.mark.parametrize(("on_delete", "stays"), [("retain", True), ("delete", False)])
def test_delete_removes_only_where_that_is_asked(
    store: Store,
    web: WebDirectory,
    files: Inputs,
    content: CacheContent,
    *,
    on_delete: str,
    stays: bool,
) -> None:
    inputs = changed(files, onDelete=on_delete)
    identifier = ImageCacheProvider().create(inputs).id
    ImageCacheProvider().delete(identifier, inputs)
    assert (web.directory / path_of(content)).exists() is stays


def test_other_content_has_another_path_and_the_old_one_stays(
    store: Store, web: WebDirectory, files: Inputs, content: CacheContent
) -> None:
    identifier = ImageCacheProvider().create(files).id
    fewer = CacheContent(platforms=content.platforms, images=dict(list(content.images.items())[:1]))
    destination = cast("Inputs", files["destination"])
    update = inputs_of(fewer, destination, {"tar": path_of(fewer)})
    assert path_of(fewer) != path_of(content)
    ImageCacheProvider().update(identifier, files, update)
    assert (web.directory / path_of(content)).exists()
    assert (web.directory / path_of(fewer)).exists()


def test_an_embedded_mirror_has_no_place_for_it(store: Store, files: Inputs) -> None:
    destination = {"kind": "embedded", "url": "https://a.example/talos"}
    with pytest.raises(ProviderError, match="image-cache create"):
        ImageCacheProvider().create(changed(files, destination=destination))


# The registry


def test_the_image_is_pushed_whole_and_again_moves_nothing(
    store: Store, registry: Registry, image: Inputs
) -> None:
    provider = ImageCacheProvider()
    identifier = provider.create(image).id
    assert identifier == f"existing+prefix:{registry.url}#{SET}"
    assert registry.content.find("image-cache", "v1.11.5-amd64") is not None
    assert provider.read(identifier, image).outs == image
    registry.requests.clear()
    provider.update(identifier, image, image)
    assert not [*registry.requests.select(method="POST"), *registry.requests.select(method="PUT")]


def test_refresh_shows_a_tag_that_is_gone_or_moved(
    store: Store, registry: Registry, image: Inputs
) -> None:
    provider = ImageCacheProvider()
    identifier = provider.create(image).id
    registry.content.untag("image-cache", "v1.11.5-amd64")
    read = provider.read(identifier, image)
    assert published(read.outs) == {"image": "missing"}
    provider.update(identifier, read.outs or {}, image)
    assert provider.read(identifier, image).outs == image


@pytest.mark.parametrize("layout", ["prefix", "flat"])
def test_the_repository_is_the_one_that_was_asked_for_in_every_layout(
    store: Store, registry: Registry, image: Inputs, layout: str
) -> None:
    inputs = copy.deepcopy(image)
    cast("Inputs", inputs["destination"]).update(layout=layout, pathPrefix="project")
    ImageCacheProvider().create(inputs)
    assert registry.content.find("project/image-cache", "v1.11.5-amd64") is not None


def test_deleting_the_image_removes_it_where_that_is_asked(
    store: Store, registry: Registry, image: Inputs
) -> None:
    inputs = changed(image, onDelete="delete")
    identifier = ImageCacheProvider().create(inputs).id
    ImageCacheProvider().delete(identifier, inputs)
    assert ImageCacheProvider().read(identifier, inputs).outs != inputs
