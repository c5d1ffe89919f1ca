"""Schematic as the engine calls it, against the practice factory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from lab.factory import Factory, FactoryRegistries
from lab.registry import Registry
from lab.registryclient import RegistryClient
from providers.adapter import ProviderError
from providers.schematic import Schematic, SchematicProvider

Inputs = dict[str, object]
# Published golden vector of siderolabs/image-factory (its README): the empty schematic's ID.
EMPTY_ID = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"


@pytest.fixture
def factory() -> Iterator[Factory]:
    with Registry() as registry:
        client = RegistryClient(registry.url)
        registries = FactoryRegistries(core=client, schematic=client, installer=client)
        with Factory(registries, version="v1.5.0") as running:
            yield running
        assert running.crashes == []


@pytest.fixture
def inputs(factory: Factory) -> Inputs:
    return {
        "factory": {"endpoint": factory.url, "version": "v1.5.0"},
        "serverClass": "gpu",
        "schematic": {"customization": {}},
        "schematicId": EMPTY_ID,
    }


def test_token_is_the_one_in_users_states() -> None:
    assert Schematic._resource_type_name == "dynamic/airgap:Schematic"


def test_create_registers_and_read_finds_it(factory: Factory, inputs: Inputs) -> None:
    provider = SchematicProvider()
    assert provider.check({}, inputs).failures == []
    created = provider.create(inputs)
    assert created.id == f"{factory.url}#gpu"
    assert created.outs == inputs
    assert [e.path for e in factory.requests.select(method="POST")] == ["/schematics"]
    assert provider.read(created.id, inputs).outs == inputs
    provider.update(created.id, inputs, inputs)
    provider.delete(created.id, inputs)
    assert not factory.requests.select(method="DELETE")


def test_id_that_is_not_the_schematics_is_told_at_preview(inputs: Inputs) -> None:
    result = SchematicProvider().check({}, {**inputs, "schematicId": "0" * 64})
    assert len(result.failures) == 1
    assert EMPTY_ID in result.failures[0].reason


def test_unknown_field_is_told_at_preview(inputs: Inputs) -> None:
    result = SchematicProvider().check({}, {**inputs, "schematic": {"customisation": {}}})
    assert len(result.failures) == 1
    assert "customisation" in result.failures[0].reason


def test_schematic_that_the_factory_lost_is_missing(inputs: Inputs) -> None:
    provider = SchematicProvider()
    read = provider.read("id", inputs)
    assert (read.outs or {})["schematicId"] == "missing"
    assert provider.diff("id", read.outs or {}, inputs).changes
    provider.update("id", read.outs or {}, inputs)
    assert provider.read("id", read.outs or {}).outs == inputs


def test_factory_that_answers_another_id_is_an_error(factory: Factory, inputs: Inputs) -> None:
    body = b'{"id": "' + b"1" * 64 + b'"}'
    headers = {"Content-Type": "application/json"}
    factory.faults.add("/schematics", times=None, status=201, body=body, headers=headers)
    with pytest.raises(ProviderError, match=EMPTY_ID):
        SchematicProvider().create(inputs)


@pytest.mark.parametrize("version", ["v0.8.4", "v0.7.6"])
def test_factory_that_cannot_be_asked_is_not_asked(
    factory: Factory, inputs: Inputs, version: str
) -> None:
    old = {**inputs, "factory": {**cast("Inputs", inputs["factory"]), "version": version}}
    assert SchematicProvider().read("id", old).outs == old
    assert len(factory.requests) == 0


@pytest.mark.parametrize(
    ("key", "value", "replaces"),
    [
        ("serverClass", "cpu", ["serverClass"]),
        ("factory", {"endpoint": "https://other.example"}, ["factory"]),
        ("schematicId", "0" * 64, []),
    ],
)
def test_factory_and_server_class_are_identity(
    inputs: Inputs, key: str, value: object, replaces: list[str]
) -> None:
    assert SchematicProvider().diff("id", inputs, {**inputs, key: value}).replaces == replaces
