"""AssetSet as the engine calls it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import cast

import pytest

from airgap.serve import Server
from airgap.store import Store
from providers.adapter import ProviderError
from providers.asset_set import AssetSet, AssetSetProvider
from tests.providers.conftest import ASSETS
from tests.web_directory import WebDirectory

Inputs = dict[str, object]
KERNEL, INITRAMFS = ASSETS


def with_destination(inputs: Inputs, **more: object) -> Inputs:
    changed = copy.deepcopy(inputs)
    cast("Inputs", changed["destination"]).update(more)
    return changed


def assets_of(inputs: Inputs | None) -> Inputs:
    assert inputs is not None
    return cast("Inputs", inputs["assets"])


def test_token_is_the_one_in_users_states() -> None:
    assert AssetSet._resource_type_name == "dynamic/airgap:AssetSet"


def test_sizes_that_came_back_as_floats_are_integers_again(asset_inputs: Inputs) -> None:
    result = AssetSetProvider().check({}, asset_inputs)
    assert result.failures == []
    size = cast("Inputs", assets_of(result.inputs)[KERNEL])["size"]
    assert isinstance(size, int)
    assert AssetSetProvider().diff("id", asset_inputs, result.inputs).changes is False


def test_directory_mirror_without_a_path_is_refused(asset_inputs: Inputs) -> None:
    result = AssetSetProvider().check({}, with_destination(asset_inputs, path=""))
    assert "needs a path" in result.failures[0].reason


def test_directory_of_the_project_is_allowed(asset_inputs: Inputs) -> None:
    result = AssetSetProvider().check({}, with_destination(asset_inputs, path="www/talos"))
    assert result.failures == []


@pytest.mark.parametrize("key", ["kind", "url", "path"])
def test_destination_is_identity(asset_inputs: Inputs, key: str) -> None:
    changed = with_destination(asset_inputs, **{key: "other"})
    assert AssetSetProvider().diff("id", asset_inputs, changed).replaces == ["destination"]


def test_create_publishes_and_reads_back(
    store: Store, web: WebDirectory, asset_inputs: Inputs
) -> None:
    created = AssetSetProvider().create(asset_inputs)
    assert created.id == f"directory:{web.mirror_url}[{web.directory}]#talos-v1.11.5"
    for key, data in ASSETS.items():
        assert (web.directory / key).read_bytes() == data


def test_create_fails_when_the_url_serves_something_else(
    store: Store, web: WebDirectory, asset_inputs: Inputs, tmp_path: Path
) -> None:
    web.directory = tmp_path / "another"
    with pytest.raises(ProviderError, match="does the web server map"):
        AssetSetProvider().create(asset_inputs)


def test_refresh_shows_deleted_truncated_and_flipped_files(
    store: Store, web: WebDirectory, asset_inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = AssetSetProvider()
    identifier = provider.create(asset_inputs).id
    expected = AssetSetProvider().check({}, asset_inputs).inputs
    assert provider.read(identifier, asset_inputs).outs == expected
    (web.directory / KERNEL).unlink()
    initramfs = web.directory / INITRAMFS
    initramfs.chmod(0o644)
    initramfs.write_bytes(ASSETS[INITRAMFS][:77])
    read = provider.read(identifier, asset_inputs)
    assert assets_of(read.outs) == {KERNEL: "missing", INITRAMFS: "truncated to 77 bytes"}
    assert read.inputs == read.outs
    initramfs.write_bytes(b"X" + ASSETS[INITRAMFS][1:])
    read = provider.read(identifier, asset_inputs)
    assert str(assets_of(read.outs)[INITRAMFS]).startswith("sha256:")
    again = provider.read(identifier, read.outs or {})
    assert again.outs == read.outs, "a second refresh keeps what the first one found"
    provider.update(identifier, again.outs or {}, asset_inputs)
    assert provider.read(identifier, asset_inputs).outs == expected


def test_quick_refresh_is_asked_for_by_name(
    store: Store, asset_inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = AssetSetProvider()
    identifier = provider.create(asset_inputs).id
    monkeypatch.setenv("AIRGAP_VERIFY", "quick")
    expected = provider.check({}, asset_inputs).inputs
    assert provider.read(identifier, asset_inputs).outs == expected
    monkeypatch.setenv("AIRGAP_VERIFY", "fast")
    with pytest.raises(ProviderError, match="full or quick"):
        provider.read(identifier, asset_inputs)


@pytest.mark.parametrize(("on_delete", "stays"), [("retain", True), ("delete", False)])
def test_delete_does_what_the_site_says(
    store: Store, web: WebDirectory, asset_inputs: Inputs, on_delete: str, stays: bool
) -> None:
    provider = AssetSetProvider()
    inputs = {**asset_inputs, "onDelete": on_delete}
    provider.delete(provider.create(inputs).id, inputs)
    assert (web.directory / KERNEL).exists() is stays
    assert (web.directory / "v1.11.5").exists() is stays


def test_embedded_mirror_is_only_asked(store: Store, asset_inputs: Inputs) -> None:
    server = Server(store, "127.0.0.1", 0, tls=None)
    server.start()
    try:
        inputs = with_destination(asset_inputs, kind="embedded", url=server.url)
        del cast("Inputs", inputs["destination"])["path"]
        provider = AssetSetProvider()
        identifier = provider.create(inputs).id
        assert provider.read(identifier, inputs).outs == provider.check({}, inputs).inputs
        store.forget([KERNEL])
        assert assets_of(provider.read(identifier, inputs).outs)[KERNEL] == "missing"
        with pytest.raises(ProviderError, match="is `python -m airgap serve` running"):
            provider.update(identifier, inputs, inputs)
    finally:
        server.stop()
