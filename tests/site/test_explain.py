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


def test_every_path_that_is_given_leads_back_to_its_field() -> None:
    assert [field for field in EVERY if explain_field(field.path) != field] == []


def test_every_field_is_described() -> None:
    assert [field.path for field in EVERY if not field.description] == []


def test_every_default_and_example_of_plain_text_is_read_by_yaml_as_it_stands() -> None:
    values = [text for field in EVERY for text in (*field.examples, *field.allowed)]

    assert [text for text in values if yaml.safe_load(f"key: {text}") is None] == []


def test_allowed_values_and_forms_are_the_models() -> None:
    assert explain_field("registry.kind").allowed == (
        "embedded", "existing", "none", "distribution", "harbor",
    )  # fmt: skip
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
