"""A field is explained by the words of the model, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from airgap.site.explain import Explained, UnknownFieldError, explain_field
from airgap.site.model import Registry, Site

__all__: list[str] = []


def _all(field: Explained) -> Iterator[Explained]:
    for below in field.fields:
        yield below
        yield from _all(below)


EVERY = tuple(_all(explain_field("")))


def test_no_path_is_the_whole_site() -> None:
    names = [field.name for field in explain_field("").fields]

    assert names == [str(field.alias) for field in Site.model_fields.values()]


@pytest.mark.parametrize(
    "path",
    [
        "registry.mirrors.skipVerify",
        "registry.mirrors[].skipVerify",
        'registry.mirrors["ghcr.io"].skipVerify',
        'site.registry.mirrors["ghcr.io"].skipVerify',
        "sidero-airgap:site.registry.mirrors[*].skipVerify",
    ],
)
def test_a_map_is_stepped_over_with_or_without_a_key(path: str) -> None:
    field = explain_field(path)

    assert field.path == "registry.mirrors[].skipVerify"
    assert (field.type, field.default, field.required) == ("true or false", "false", False)


@pytest.mark.parametrize("path", ["serverClasses.extensions", "serverClasses[0].extensions"])
def test_a_list_is_stepped_over_with_or_without_an_index(path: str) -> None:
    field = explain_field(path)

    assert (field.path, field.type) == ("serverClasses[].extensions", "list of text")
    assert field.examples == ("siderolabs/iscsi-tools",)


@pytest.mark.parametrize(
    "path", ["policy.levels.https-only", 'policy.levels["https-only"]', "policy.levels[https-only]"]
)
def test_a_key_that_a_map_lists_leads_to_its_entry(path: str) -> None:
    """It was refused: `policy.levels` has no field 'https-only', nor any other."""
    entry = explain_field(path)

    assert entry.path == 'policy.levels["https-only"]'
    assert (entry.type, entry.allowed) == ("text", ("mandatory", "advisory", "disabled"))
    assert [rule.partition(":")[0] for rule in entry.rules] == ["https-only"]
    assert (entry.default, entry.keys) == ("mandatory", ())
    assert explain_field("policy.levels.schematic-drift").default == "advisory"


@pytest.mark.parametrize(
    "path",
    [
        "config.sidero-airgap:site.talos",
        'config["sidero-airgap:site"].talos',
        "config[sidero-airgap:site].talos",
    ],
)
def test_a_path_may_begin_at_the_stack_files_top(path: str) -> None:
    assert explain_field(path) == explain_field("talos")


@pytest.mark.parametrize(
    "path",
    [
        "sidero-airgap:credentials",
        'sidero-airgap:credentials["registry.example:5000"].password',
        "config.sidero-airgap:credentials",
        'config["sidero-airgap:credentials"]',
    ],
)
def test_the_credentials_are_told_apart_from_the_site(path: str) -> None:
    with pytest.raises(UnknownFieldError) as refusal:
        explain_field(path)

    assert "secret of the stack" in str(refusal.value)
    assert "README.md, Credentials" in refusal.value.hint
    assert "did you mean" not in refusal.value.hint


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ('serverClasses["x"].name', "is a list"),
        ("serverClasses[-1]", "is a list"),
        ("talos[0].versions", "no list and no map"),
        ("talos.versions[0][1]", "no list and no map"),
        ("registry.kind[0]", "no list and no map"),
        ("site[0]", "no list and no map"),
        ('policy.levels["nope"]', "has no key 'nope'"),
        ("policy.levels.nope", "has no key 'nope'"),
    ],
)
def test_an_index_where_none_can_stand_is_refused(path: str, why: str) -> None:
    with pytest.raises(UnknownFieldError) as refusal:
        explain_field(path)

    assert why in str(refusal.value)
    assert refusal.value.hint


@pytest.mark.parametrize(
    "path",
    [
        "talos.versions[0]",
        'talos.components["v1.11.5"].etcd',
        "manifests[0].path",
        "serverClasses[*].bootAssets[0]",
        "registry.mirrors[ghcr.io].endpoints[1]",
        'nodes.extraHosts["10.0.0.5"][0]',
        "environments[]",
    ],
)
def test_an_index_where_one_can_stand_is_stepped_over(path: str) -> None:
    assert explain_field(path).description


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("registry.mirrors.ghcr.io", 'registry.mirrors["ghcr.io"]'),
        ("registry.mirrors.ghcr.io.skipVerify", 'registry.mirrors["ghcr.io"].skipVerify'),
        ("upstream.registries.quay.io.url", 'upstream.registries["quay.io"].url'),
        ("talos.components.v1.11.5.etcd", 'talos.components["v1.11.5"].etcd'),
        ("nodes.extraHosts.foo", 'nodes.extraHosts["foo"]'),
    ],
)
def test_a_key_of_a_map_after_a_dot_is_told_to_stand_in_brackets(path: str, meant: str) -> None:
    with pytest.raises(UnknownFieldError) as refusal:
        explain_field(path)

    assert meant in refusal.value.hint
    explain_field(meant)


def test_every_path_that_is_given_leads_back_to_its_field() -> None:
    assert [field for field in EVERY if explain_field(field.path) != field] == []


def test_every_field_is_described() -> None:
    assert [field.path for field in EVERY if not field.description] == []


def test_every_default_and_example_of_plain_text_is_read_by_yaml_as_it_stands() -> None:
    values = [text for field in EVERY for text in (*field.examples, *field.allowed)]

    assert [text for text in values if yaml.safe_load(f"key: {text}") is None] == []


def test_allowed_values_and_forms_are_the_models() -> None:
    assert explain_field("registry.kind").allowed == ("embedded", "existing", "none")
    assert explain_field("transfer.limits.rate").forms == (
        "a rate such as 20MiB/s, 100Mbit/s or unlimited",
    )
    assert explain_field("transfer.connections").type == "whole number, 1 to 64"
    assert explain_field("talos.components.etcd").path == "talos.components[].etcd"


def test_a_section_has_its_own_text_and_its_fields() -> None:
    registry = explain_field("registry")

    assert registry.required
    assert registry.section.split() == str(Registry.__doc__).split()
    assert [field.name for field in registry.fields if field.required] == ["kind"]


def test_the_rules_that_speak_of_a_field_are_named() -> None:
    def names(path: str) -> list[str]:
        return [rule.partition(":")[0] for rule in explain_field(path).rules]

    assert "no-skip-verify" in names("registry.mirrors.skipVerify")
    assert "closed" in names("policy.allowedHosts")
    assert names("upstream.factory.caFile") == []


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("regsitry", "registry"),
        ("server_classes", "serverClasses"),
        ("registry.endpoint", "registry.endpoints"),
        ("extensions", "serverClasses[].extensions"),
        ("registry.skipVerify", "registry.mirrors[].skipVerify"),
    ],
)
def test_an_unknown_path_names_what_was_probably_meant(path: str, meant: str) -> None:
    with pytest.raises(UnknownFieldError) as refusal:
        explain_field(path)

    assert meant in refusal.value.hint


@pytest.mark.parametrize("path", ["registry..kind", "registry kind", "registry[", "7"])
def test_what_is_no_path_is_told(path: str) -> None:
    with pytest.raises(UnknownFieldError):
        explain_field(path)
