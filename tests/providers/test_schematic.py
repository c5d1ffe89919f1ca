"""Schematic as the engine calls it, against the practice factory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

import pytest

from airgap.factory import FactoryClient
from airgap.oci.credentials import Credential
from airgap.schematic import schematic_for
from lab.factory import Factory, FactoryRegistries
from lab.registry import Registry
from lab.registryclient import RegistryClient
from providers.adapter import ProviderError
from providers.schematic import Schematic, SchematicProvider

Inputs = dict[str, object]
# Published golden vector of siderolabs/image-factory (its README): the empty schematic's ID.
EMPTY_ID = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running
        assert running.crashes == []


@pytest.fixture
def factory(registry: Registry) -> Iterator[Factory]:
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


def test_a_factory_that_asks_who_is_there_gets_the_credentials(
    factory: Factory, inputs: Inputs
) -> None:
    """As the enterprise build does (authentication.htpasswd): basic, RFC 7617."""
    provider = SchematicProvider()
    provider.credentials = {factory.host: Credential(username="node", password="MARKED")}
    asking = {"status": 401, "headers": {"WWW-Authenticate": "Basic"}}
    for operation in (lambda: provider.create(inputs), lambda: provider.read("id", inputs)):
        factory.requests.clear()
        factory.faults.add("/schematics", **asking)  # type: ignore[arg-type]  # an Effect's items
        operation()
        sent = [each.headers.get("Authorization") for each in factory.requests]
        assert sent[:2] == [None, "<redacted>"]


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


def test_what_was_registered_is_read_back(factory: Factory, inputs: Inputs) -> None:
    factory.faults.add("/schematics/", times=None, status=404)
    with pytest.raises(ProviderError, match=r"is not known .request ID .*registered"):
        SchematicProvider().create(inputs)


# Put where a deployed factory looks

REPOSITORY = "image-factory/schematics"
TEXT = b"customization: {}\n"


@pytest.fixture
def seeded(registry: Registry, inputs: Inputs) -> Inputs:
    """The inputs for a factory that does not run yet."""
    place = {"endpoint": registry.url, "repository": REPOSITORY}
    factory = {"endpoint": "https://not-yet.example", "version": "v1.5.0"}
    return {**inputs, "factory": factory, "registry": place}


def test_a_factory_that_does_not_run_yet_knows_it_once_it_does(
    factory: Factory, registry: Registry, seeded: Inputs
) -> None:
    """The practice factory keeps schematics as the real one does (tests/peers: storage)."""
    created = SchematicProvider().create(seeded)
    assert created.id == "https://not-yet.example#gpu"
    assert created.outs == seeded
    assert len(factory.requests) == 0
    with FactoryClient(factory.url) as client:
        assert client.schematic_text(EMPTY_ID) == TEXT.decode()


def test_it_is_kept_as_a_factory_keeps_it(registry: Registry, seeded: Inputs) -> None:
    """Seen on the real v1.0.3: a Docker manifest tagged by the ID, one layer, an empty image."""
    SchematicProvider().create(seeded)
    with RegistryClient(registry.url) as client:
        manifest = client.manifest(REPOSITORY, EMPTY_ID)
        config = json.loads(client.blob(REPOSITORY, str(manifest.blobs[0].digest)))
        assert client.blob(REPOSITORY, f"sha256:{EMPTY_ID}") == TEXT
    document = json.loads(manifest.raw)
    assert document["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert document["config"]["mediaType"] == "application/vnd.docker.container.image.v1+json"
    assert document["layers"] == [
        {
            "mediaType": "application/vnd.sidero.dev-image.schematic",
            "size": len(TEXT),
            "digest": f"sha256:{EMPTY_ID}",
        }
    ]
    assert config == {
        "architecture": "",
        "created": "0001-01-01T00:00:00Z",
        "history": [{"created": "0001-01-01T00:00:00Z"}],
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{EMPTY_ID}"]},
        "config": {},
    }


def test_what_the_factory_put_there_itself_is_left_alone(
    factory: Factory, registry: Registry, seeded: Inputs
) -> None:
    with FactoryClient(factory.url) as client:
        client.register(schematic_for())
    registry.requests.clear()
    SchematicProvider().create(seeded)
    assert {each.method for each in registry.requests} <= {"GET", "HEAD"}


def test_one_that_the_registry_lost_is_missing_and_comes_back(
    registry: Registry, seeded: Inputs
) -> None:
    provider = SchematicProvider()
    provider.create(seeded)
    assert provider.read("id", seeded).outs == seeded
    registry.faults.add(f"/manifests/{EMPTY_ID}", status=404)
    read = provider.read("id", seeded).outs or {}
    assert read["schematicId"] == "missing"
    assert provider.diff("id", read, seeded).changes
    provider.update("id", read, seeded)
    assert provider.read("id", read).outs == seeded


def test_a_manifest_without_its_layer_is_missing(registry: Registry, seeded: Inputs) -> None:
    provider = SchematicProvider()
    provider.create(seeded)
    registry.faults.add(f"/blobs/sha256:{EMPTY_ID}", status=404)
    assert (provider.read("id", seeded).outs or {})["schematicId"] == "missing"


def test_a_registry_that_takes_nothing_is_an_error(registry: Registry, seeded: Inputs) -> None:
    registry.faults.add("/v2/", method="POST", times=None, status=403)
    with pytest.raises(ProviderError, match="403"):
        SchematicProvider().create(seeded)


def test_the_registry_is_no_part_of_the_identity(seeded: Inputs) -> None:
    """A resource recorded before there was such an input stays the same one."""
    before = {key: value for key, value in seeded.items() if key != "registry"}
    found = SchematicProvider().diff("id", before, seeded)
    assert found.changes
    assert found.replaces == []
