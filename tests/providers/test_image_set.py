"""ImageSet as the engine calls it: check, diff, create, update, read, delete."""

from __future__ import annotations

import copy
import json
from typing import cast

import pytest
from pulumi.dynamic import ConfigureRequest
from pulumi.dynamic.config import Config
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import Unknown

from airgap.serve import Server
from airgap.store import Store
from airgap.transfer.prune import remove_images
from airgap.transfer.push import connect
from lab.auth import BasicAuth
from lab.registry import Registry
from providers.adapter import ModelProvider, ProviderError, ProviderInputs
from providers.asset_set import AssetSetProvider
from providers.image_set import ImageSet, ImageSetProvider, RegistryInputs
from providers.manifest_files import ManifestFilesProvider
from providers.schematic import SchematicProvider
from providers.surroundings import open_ledger
from tests.practice_images import PracticeImage

Inputs = dict[str, object]
PAUSE = "registry.k8s.io/pause"
ETCD = "registry.k8s.io/etcd"


def change(inputs: Inputs, key: str, value: object) -> Inputs:
    """Return a copy with the value at a dotted path replaced."""
    changed = copy.deepcopy(inputs)
    target = changed
    *folders, last = key.split("/")
    for folder in folders:
        target = cast("Inputs", target[folder])
    target[last] = value
    return changed


def images_of(inputs: Inputs | None) -> dict[str, object]:
    assert inputs is not None
    return cast("dict[str, object]", inputs["images"])


def prune(inputs: Inputs) -> None:
    """Remove from the destination what no set names, with no lock to keep anything."""
    place = RegistryInputs.model_validate(inputs["destination"]).destination()
    ledger = open_ledger(place.identity)
    with connect(place) as client:
        remove_images(client, place, ledger, list(ledger.items()))


@pytest.mark.parametrize(
    "provider", [ImageSetProvider, AssetSetProvider, SchematicProvider, ManifestFilesProvider]
)
def test_provider_is_pickled_by_reference(
    provider: type[ModelProvider[ProviderInputs]],
) -> None:
    """A provider with attributes would be pickled by value, into every resource of the state."""
    assert len(serialize_provider(provider())) < 120
    assert vars(provider()) == {}
    assert provider.serialize_as_secret_always is False


def test_token_is_the_one_in_users_states() -> None:
    assert ImageSet._resource_type_name == "dynamic/airgap:ImageSet"


def test_good_inputs_pass_unchanged(image_inputs: Inputs) -> None:
    result = ImageSetProvider().check({}, {**image_inputs, "__provider": "gASV"})
    assert result.failures == []
    assert result.inputs == image_inputs


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("images", {PAUSE: "3.10"}, "is not <tag>@sha256"),
        ("destination/kind", "harbor", "destination.kind"),
        ("destination/port", 5000, "destination.port"),
        ("set", "", "set"),
    ],
)
def test_bad_inputs_are_told_by_path_and_without_their_values(
    image_inputs: Inputs, key: str, value: object, told: str
) -> None:
    result = ImageSetProvider().check({}, change(image_inputs, key, value))
    assert len(result.failures) == 1
    assert told in result.failures[0].reason
    assert result.failures[0].property == "", "the engine prints a named property's whole value"


def test_values_not_known_yet_are_let_through(image_inputs: Inputs) -> None:
    inputs = change(image_inputs, "destination", Unknown())  # type: ignore[no-untyped-call]  # the SDK's
    result = ImageSetProvider().check({}, inputs)
    assert result.failures == []
    assert isinstance(result.inputs["destination"], Unknown)
    assert ImageSetProvider().diff("id", image_inputs, inputs).changes


def test_same_inputs_are_no_change(image_inputs: Inputs) -> None:
    olds = {**image_inputs, "__provider": "old"}
    result = ImageSetProvider().diff("id", olds, {**image_inputs, "__provider": "new"})
    assert result.changes is False
    assert result.replaces == []


@pytest.mark.parametrize(
    ("key", "value", "replaces"),
    [
        ("images", {PAUSE: "3.9@sha256:" + "0" * 64}, []),
        ("onDelete", "delete", []),
        ("destination/ca", "PEM", []),
        ("destination/overwrite", True, []),
        ("set", "workloads", ["set"]),
        ("destination/kind", "embedded", ["destination"]),
        ("destination/endpoint", "https://other.example", ["destination"]),
        ("destination/pathPrefix", "proxy", ["destination"]),
        ("destination/layout", "flat", ["destination"]),
    ],
)
def test_destination_is_identity_and_images_are_content(
    image_inputs: Inputs, key: str, value: object, replaces: list[str]
) -> None:
    result = ImageSetProvider().diff("id", image_inputs, change(image_inputs, key, value))
    assert result.changes
    assert result.replaces == replaces


def test_create_pushes_and_returns_the_full_model(
    store: Store, registry: Registry, image_inputs: Inputs, images: dict[str, PracticeImage]
) -> None:
    created = ImageSetProvider().create({**image_inputs, "__provider": "gASV"})
    assert created.id == f"existing+prefix:{registry.url}#kubernetes"
    assert created.outs == image_inputs
    for key, image in images.items():
        repository, _, tag = key.rpartition(":")
        found = registry.content.find(repository, tag)
        assert found is not None
        assert found.raw == image.index


def test_update_brings_the_new_and_only_releases_the_old(
    store: Store, registry: Registry, image_inputs: Inputs, images: dict[str, PracticeImage]
) -> None:
    new = images["registry.k8s.io/etcd:3.6.6"].digest
    olds = change(image_inputs, "images", {PAUSE: images_of(image_inputs)[PAUSE]})
    news = change(image_inputs, "images", {ETCD: f"3.6.6@{new}"})
    provider = ImageSetProvider()
    created = provider.create(olds)
    updated = provider.update(created.id, olds, news)
    assert updated.outs == news
    assert registry.content.find(ETCD, "3.6.6") is not None
    assert registry.content.find(PAUSE, "3.10") is not None, "running nodes may still pull it"


def test_refresh_shows_the_very_image_and_up_repairs_it(
    store: Store, registry: Registry, image_inputs: Inputs
) -> None:
    provider = ImageSetProvider()
    identifier = provider.create(image_inputs).id
    child = next(iter(registry.content.find(ETCD, "3.6.6").children))  # type: ignore[union-attr]  # it was pushed
    registry.content.untag(PAUSE, "3.10")
    registry.content.tag(ETCD, "3.6.6", str(child.digest))
    read = provider.read(identifier, {**image_inputs, "__provider": "gASV"})
    etcd = cast("list[str]", images_of(image_inputs)[ETCD])
    assert read.id == identifier
    assert images_of(read.outs) == {PAUSE: "missing", ETCD: [etcd[0], f"3.6.6@{child.digest}"]}
    assert read.inputs == read.outs
    assert provider.diff(identifier, read.outs or {}, image_inputs).changes


def test_refresh_after_a_refresh_keeps_the_drift(
    store: Store, registry: Registry, image_inputs: Inputs
) -> None:
    provider = ImageSetProvider()
    identifier = provider.create(image_inputs).id
    registry.content.untag(PAUSE, "3.10")
    first = provider.read(identifier, image_inputs)
    second = provider.read(identifier, first.outs or {})
    assert second.outs == first.outs
    provider.update(identifier, second.outs or {}, image_inputs)
    assert registry.content.find(PAUSE, "3.10") is not None
    assert provider.read(identifier, image_inputs).outs == image_inputs


def test_refresh_without_drift_changes_nothing(
    store: Store, registry: Registry, image_inputs: Inputs
) -> None:
    provider = ImageSetProvider()
    identifier = provider.create(image_inputs).id
    registry.requests.clear()
    assert provider.read(identifier, image_inputs).outs == image_inputs
    assert [e.method for e in registry.requests] == ["HEAD"] * 3, "one an image"


def test_delete_retains_by_default(store: Store, registry: Registry, image_inputs: Inputs) -> None:
    provider = ImageSetProvider()
    provider.delete(provider.create(image_inputs).id, image_inputs)
    assert registry.content.find(PAUSE, "3.10") is not None


def test_delete_removes_what_was_made_when_asked_to(
    store: Store, registry: Registry, image_inputs: Inputs, images: dict[str, PracticeImage]
) -> None:
    images["registry.k8s.io/pause:3.10"].put(registry.content, PAUSE, "3.10")
    inputs = change(image_inputs, "onDelete", "delete")
    provider = ImageSetProvider()
    provider.delete(provider.create(inputs).id, inputs)
    assert registry.content.find(ETCD, "3.6.5") is None
    assert registry.content.find(ETCD, "3.6.6") is None
    assert registry.content.find(PAUSE, "3.10") is not None, "it was there before us"


def test_delete_that_failed_removes_when_it_is_tried_again(
    store: Store, registry: Registry, image_inputs: Inputs
) -> None:
    inputs = change(image_inputs, "onDelete", "delete")
    provider = ImageSetProvider()
    identifier = provider.create(inputs).id
    registry.faults.add("/manifests/", method="DELETE", status=418)
    with pytest.raises(ProviderError):
        provider.delete(identifier, inputs)
    provider.delete(identifier, inputs)
    for repository, tag in ((PAUSE, "3.10"), (ETCD, "3.6.5"), (ETCD, "3.6.6")):
        assert registry.content.find(repository, tag) is None


def test_renamed_set_keeps_every_image(
    store: Store, registry: Registry, image_inputs: Inputs
) -> None:
    """A rename is a create and then a delete, even with `onDelete: delete`."""
    olds = change(image_inputs, "onDelete", "delete")
    news = change(olds, "set", "control-plane")
    provider = ImageSetProvider()
    old_id = provider.create(olds).id
    assert provider.create(news).id != old_id
    provider.delete(old_id, olds)
    assert provider.read("id", news).outs == news


def test_failed_create_that_is_dropped_leaves_nothing_after_prune(
    store: Store, registry: Registry, image_inputs: Inputs
) -> None:
    registry.faults.add("/manifests/3.10", method="PUT", times=None, status=403)
    with pytest.raises(ProviderError, match=r"registry\.k8s\.io/pause:3\.10"):
        ImageSetProvider().create(image_inputs)
    registry.faults.clear()
    assert registry.content.find(ETCD, "3.6.5") is not None
    prune(image_inputs)
    assert registry.content.find(ETCD, "3.6.5") is None
    assert registry.content.find(ETCD, "3.6.6") is None


def test_failed_update_that_is_reverted_is_forgotten_by_a_refresh(
    store: Store, registry: Registry, image_inputs: Inputs
) -> None:

    olds = change(image_inputs, "images", {PAUSE: images_of(image_inputs)[PAUSE]})
    provider = ImageSetProvider()
    identifier = provider.create(olds).id
    registry.faults.add("/manifests/3.6.6", method="PUT", times=None, status=403)
    with pytest.raises(ProviderError):
        provider.update(identifier, olds, image_inputs)
    registry.faults.clear()
    assert provider.read(identifier, olds).outs == olds
    prune(image_inputs)
    assert registry.content.find(ETCD, "3.6.5") is None
    assert registry.content.find(PAUSE, "3.10") is not None


def test_absent_store_names_fetch(
    store: Store, image_inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRGAP_STORE", str(store.root / "nowhere"))
    with pytest.raises(ProviderError, match="python -m airgap fetch"):
        ImageSetProvider().create(image_inputs)


def test_embedded_registry_is_only_asked(store: Store, image_inputs: Inputs) -> None:
    server = Server(store, "127.0.0.1", 0, tls=None)
    server.start()
    try:
        inputs = change(image_inputs, "destination/kind", "embedded")
        inputs = change(inputs, "destination/endpoint", server.url)
        provider = ImageSetProvider()
        identifier = provider.create(inputs).id
        assert provider.read(identifier, inputs).outs == inputs
        store.forget([f"{PAUSE}:3.10"])
        assert images_of(provider.read(identifier, inputs).outs)[PAUSE] == "missing"
        with pytest.raises(ProviderError, match=r"does not serve registry\.k8s\.io/pause:3\.10"):
            provider.update(identifier, inputs, inputs)
        provider.delete(identifier, inputs)
    finally:
        server.stop()


def test_an_embedded_registry_that_is_off_names_the_command(
    store: Store, image_inputs: Inputs
) -> None:
    with Server(store, "127.0.0.1", 0) as server:
        inputs = change(image_inputs, "destination/kind", "embedded")
        inputs = change(inputs, "destination/endpoint", server.url)
    with pytest.raises(ProviderError, match="python -m airgap serve"):
        ImageSetProvider().read("id", inputs)


def test_credentials_come_from_secret_configuration_as_a_last_resort(
    store: Store, image_inputs: Inputs, capfd: pytest.CaptureFixture[str]
) -> None:
    marked = "s3cret-MARKED"
    with Registry(auth=BasicAuth({"site": marked})) as registry:
        inputs = change(image_inputs, "destination/endpoint", registry.url)
        provider = ImageSetProvider()
        with pytest.raises(ProviderError, match="docker login"):
            provider.create(inputs)
        entry = json.dumps({registry.host: {"username": "site", "password": marked}})
        config = Config({"sidero-airgap:credentials": entry}, "sidero-airgap")
        provider.configure(ConfigureRequest(config))
        created = provider.create(inputs)
        other = change(inputs, "images", {PAUSE: "3.10@sha256:" + "0" * 64})
        with pytest.raises(ProviderError) as caught:
            provider.update(created.id, inputs, other)
    shown = capfd.readouterr()
    for text in (str(created.outs), str(caught.value), shown.out, shown.err):
        assert marked not in text


def test_unforeseen_error_is_a_sentence_and_leaves_a_traceback(
    store: Store, image_inputs: Inputs, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = change(image_inputs, "images", None)
    del broken["destination"]
    with pytest.raises(ProviderError, match="something unforeseen: KeyError"):
        ImageSetProvider().read("id", broken)
    assert "Traceback" in capfd.readouterr().err
