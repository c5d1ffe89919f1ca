"""ManifestFiles as the engine calls it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import yaml

from airgap.store import Store
from providers.adapter import ProviderError
from providers.manifest_files import ManifestFiles, ManifestFilesProvider

Inputs = dict[str, object]


def an_object(name: str, value: object = 1.0) -> Inputs:
    document = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": value},
    }
    return {"documents": [document]}


def inputs_of(**files: Inputs) -> Inputs:
    named = {f"maps/{name}.yaml": content for name, content in files.items()}
    return {"set": "sidero", "directory": "out/lab", "files": named}


@pytest.fixture
def out(store: Store) -> Path:
    return Path.cwd() / "out" / "lab"


def files_below(directory: Path) -> list[str]:
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


def test_token_is_the_one_in_users_states() -> None:
    assert ManifestFiles._resource_type_name == "dynamic/airgap:ManifestFiles"


def test_create_writes_documents_with_whole_numbers(out: Path) -> None:
    created = ManifestFilesProvider().create(inputs_of(a=an_object("a")))
    assert created.id == "out/lab#sidero"
    document = yaml.safe_load((out / "maps/a.yaml").read_text())
    assert document["metadata"] == {"name": "a"}
    assert isinstance(document["spec"]["replicas"], int), "the engine made it a float"


@pytest.mark.parametrize("path", ["../x.yaml", "/etc/x.yaml", "a/../../../x.yaml", "."])
def test_file_outside_the_directory_is_refused(out: Path, path: str) -> None:
    inputs = {**inputs_of(), "files": {path: an_object("a")}}
    with pytest.raises(ProviderError, match="leads out of"):
        ManifestFilesProvider().create(inputs)
    assert not list(Path.cwd().parent.rglob("x.yaml"))


@pytest.mark.parametrize("directory", ["../out", "/tmp", "."])
def test_directory_outside_the_project_is_refused(out: Path, directory: str) -> None:
    with pytest.raises(ProviderError, match="leads out of"):
        ManifestFilesProvider().create({**inputs_of(), "directory": directory})


def test_link_out_of_the_project_is_not_followed(out: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    out.mkdir(parents=True)
    (out / "maps").symlink_to(elsewhere)
    with pytest.raises(ProviderError, match="leads out of"):
        ManifestFilesProvider().create(inputs_of(a=an_object("a")))
    assert list(elsewhere.iterdir()) == []


def test_file_that_leaves_the_set_is_removed(out: Path) -> None:
    provider = ManifestFilesProvider()
    olds = inputs_of(a=an_object("a"), b=an_object("b"))
    news = inputs_of(b=an_object("b", 2), c=an_object("c"))
    provider.update(provider.create(olds).id, olds, news)
    assert files_below(out) == ["maps/b.yaml", "maps/c.yaml"]
    assert yaml.safe_load((out / "maps/b.yaml").read_text())["spec"] == {"replicas": 2}


def test_file_that_somebody_changed_is_not_removed(out: Path) -> None:
    provider = ManifestFilesProvider()
    olds = inputs_of(a=an_object("a"), b=an_object("b"))
    identifier = provider.create(olds).id
    (out / "maps/a.yaml").write_text("# a person's work\n")
    provider.update(identifier, olds, inputs_of(b=an_object("b")))
    assert files_below(out) == ["maps/a.yaml", "maps/b.yaml"]


def test_file_that_was_not_ours_is_not_removed(out: Path) -> None:
    provider = ManifestFilesProvider()
    inputs = inputs_of(a=an_object("a"))
    first = provider.create(inputs).id
    text = (out / "maps/a.yaml").read_bytes()
    provider.delete(first, inputs)
    (out / "maps").mkdir(parents=True)
    (out / "maps/a.yaml").write_bytes(text)
    provider.delete(provider.create(inputs).id, inputs)
    assert files_below(out) == ["maps/a.yaml"]


def test_renamed_set_keeps_its_files(out: Path) -> None:
    provider = ManifestFilesProvider()
    olds = inputs_of(a=an_object("a"))
    news = {**olds, "set": "objects"}
    identifier = provider.create(olds).id
    provider.create(news)
    provider.delete(identifier, olds)
    assert files_below(out) == ["maps/a.yaml"]


def test_delete_removes_what_was_written(out: Path) -> None:
    provider = ManifestFilesProvider()
    inputs = inputs_of(a=an_object("a"))
    provider.delete(provider.create(inputs).id, inputs)
    assert files_below(out) == []


def test_refresh_shows_the_very_file(out: Path) -> None:
    provider = ManifestFilesProvider()
    inputs = inputs_of(a=an_object("a", 1), b=an_object("b", 1), c=an_object("c", 1))
    identifier = provider.create(inputs).id
    assert provider.read(identifier, inputs).outs == inputs
    (out / "maps/a.yaml").unlink()
    (out / "maps/b.yaml").write_text("changed\n")
    read = provider.read(identifier, inputs)
    files = cast("Inputs", (read.outs or {})["files"])
    assert files["maps/a.yaml"] == "missing"
    assert str(files["maps/b.yaml"]).startswith("sha256:")
    assert files["maps/c.yaml"] == an_object("c", 1)
    assert read.inputs == read.outs
    assert provider.read(identifier, read.outs or {}).outs == read.outs
    provider.update(identifier, read.outs or {}, inputs)
    assert provider.read(identifier, inputs).outs == inputs


@pytest.mark.parametrize(("key", "value"), [("set", "other"), ("directory", "out/other")])
def test_directory_and_set_are_identity(key: str, value: str) -> None:
    inputs = inputs_of(a=an_object("a"))
    assert ManifestFilesProvider().diff("id", inputs, {**inputs, key: value}).replaces == [key]


def test_file_of_neither_form_is_told_at_preview() -> None:
    inputs = {**inputs_of(), "files": {"a.yaml": {"text": "x"}}}
    result = ManifestFilesProvider().check({}, inputs)
    assert len(result.failures) == 1


def test_path_that_leads_out_is_told_at_preview() -> None:
    inputs = {**inputs_of(), "files": {"../a.yaml": an_object("a")}}
    result = ManifestFilesProvider().check({}, inputs)
    assert [failure.reason for failure in result.failures] == [
        "'../a.yaml' leads out of the project"
    ]
