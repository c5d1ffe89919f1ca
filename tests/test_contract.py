"""`docs/contract.json`: the names in users' states, held against the program that makes them."""

from __future__ import annotations

import base64
import importlib
import json
import re
from collections.abc import Mapping
from typing import get_args

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider

from airgap.lock.model import LOCK_VERSION, Need, SchematicPin
from airgap.plan import plan_site
from airgap.plan.cache_content import CACHE_FORMAT, CacheContent, cache_file
from airgap.receipt import RECEIPT_VERSION
from airgap.rules import RULES
from airgap.site.model import Site as SiteDocument
from airgap.store.assets import BOOT_ASSET
from airgap.store.layout import LAYOUT_VERSION
from airgap.transfer.ledger import LEDGER_VERSION
from components import Site
from providers.adapter import ModelProvider
from tests.components.recording import Registration, declare
from tests.engine.workspace import CHECKOUT
from tests.plan.samples import SCHEMATIC, SCHEMATIC_ID, make_lock, make_site, with_factory

__all__: list[str] = []

CONTRACT = json.loads((CHECKOUT / "docs" / "contract.json").read_text(encoding="utf-8"))
RESOURCES: Mapping[str, Mapping[str, object]] = CONTRACT["resources"]
FACTORY = {
    "kind": "deployed",
    "version": "v1.5.0",
    "endpoint": "https://factory.example",
    "registry": "r.example:5000",
}
MARK = r"<[a-z ]+>"


def registrations(*, delivery: str = "files") -> list[Registration]:
    """Return what a site with everything registers, under mocks."""
    schematics = {SCHEMATIC_ID: SchematicPin(canonical=SCHEMATIC, classes=("workers",))}
    registry = {
        "kind": "existing",
        "endpoints": [{"url": "https://r.example:5000"}],
        "nodeAuth": "machineConfig",
    }
    site = make_site(
        imageFactory=FACTORY,
        imageCache={"enabled": True, "publish": ["tar", "image"]},
        registry=registry,
        sidero={
            "version": "v0.6.13",
            "delivery": delivery,
            "flavour": "airgap",
            "controllerTrust": "managed",
        },
    )
    plan = plan_site(site, with_factory(make_lock(schematics=schematics)), name="berlin")
    credentials = {"r.example:5000": {"username": "u", "password": "p"}}
    config: dict[str, object] = {"kubeconfig": "apiVersion: v1", "credentials": credentials}
    if delivery == "cluster":
        config["factorySigningKey"] = signing_key()
    return declare(lambda: Site(plan), config=config, secrets=tuple(config))


def signing_key() -> str:
    """Return a key as the factory takes it: PEM, ECDSA, unencrypted (docs/configuration.md)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def provider_of(kind: str) -> ResourceProvider:
    """Return the provider the contract names, from its module."""
    module, _, name = str(RESOURCES[kind]["provider"]).partition(":")
    provider = getattr(importlib.import_module(module), name)()
    assert isinstance(provider, ResourceProvider)
    return provider


def parents_of(item: Registration, found: list[Registration]) -> str:
    """Return the parent-type chain of a resource's URN (the mocks build one link of it only)."""
    by_name = {each.name: each for each in found}
    chain: list[str] = []
    parent = by_name.get(item.parent)
    while parent is not None:
        chain.insert(0, parent.type)
        parent = by_name.get(parent.parent)
    return "$".join(chain)


def one_or_more(value: object) -> list[str]:
    """Return the forms of something that has one, or several."""
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def fits(name: str, forms: list[str]) -> bool:
    """Tell whether a name has one of the forms, `<…>` standing for anything."""
    patterns = (re.sub(MARK, ".+", form.replace(".", r"\.")) for form in forms)
    return any(re.fullmatch(pattern, name) for pattern in patterns)


@pytest.mark.parametrize("kind", sorted(RESOURCES))
def test_a_provider_is_in_state_by_reference_and_small(kind: str) -> None:
    """Facts: by value, any edit above it is a diff; above ~978 with state the SDK overflows."""
    pickled = serialize_provider(provider_of(kind))
    assert len(pickled) < 120
    module, _, name = str(RESOURCES[kind]["provider"]).partition(":")
    raw = base64.b64decode(pickled)
    assert module.encode() in raw
    assert name.encode() in raw


@pytest.mark.parametrize("kind", sorted(RESOURCES))
def test_a_provider_is_no_secret(kind: str) -> None:
    assert provider_of(kind).serialize_as_secret_always is False


def test_components_have_their_tokens_and_names() -> None:
    found = {item.type: item.name for item in registrations() if item.type.startswith("airgap:")}
    wanted = {
        item["token"]: item["name"].replace("<site>", "berlin")
        for item in CONTRACT["components"].values()
    }
    assert found == wanted


@pytest.mark.parametrize("kind", sorted(RESOURCES))
def test_resources_have_their_token_names_and_parents(kind: str) -> None:
    wanted = RESOURCES[kind]
    everything = registrations()
    found = [item for item in everything if item.type == wanted["token"]]
    assert found
    for item in found:
        names = wanted["names"]
        assert isinstance(names, list)
        assert fits(item.name, names)
        assert parents_of(item, everything) in one_or_more(wanted["parents"])


def test_sets_are_called_as_the_ledgers_will_know_them() -> None:
    """Ledgers keep set names: another name would release what a set held."""
    forms = [form.replace("<site>", "berlin") for form in CONTRACT["sets"]]
    kinds = ("ImageSet", "AssetSet", "ImageCache")
    tokens = {str(RESOURCES[kind]["token"]) for kind in kinds}
    names = [str(item.inputs["set"]) for item in registrations() if item.type in tokens]
    assert "berlin/factory-artifacts" in names
    assert all(fits(name, forms) for name in names)


def test_every_resource_is_in_the_contract() -> None:
    known = {item["token"] for item in (*RESOURCES.values(), *CONTRACT["components"].values())}
    assert {item.type for item in registrations()} == known


def test_cluster_objects_have_their_names_and_parents() -> None:
    wanted = CONTRACT["clusterObjects"]
    everything = registrations(delivery="cluster")
    cluster = [
        item
        for item in everything
        if item.type.startswith(("kubernetes:", "pulumi:providers:kubernetes"))
    ]
    assert cluster
    for item in cluster:
        assert fits(item.name, wanted["names"])
        assert parents_of(item, everything) in one_or_more(wanted["parents"])


CACHE = cache_file(CacheContent(platforms=("linux/amd64",), images={}), "tar", "v1.11.5", "amd64")
EXAMPLES: Mapping[str, tuple[Mapping[str, object], str]] = {
    "ImageSet": (
        {
            "set": "talos",
            "destination": {
                "kind": "existing",
                "endpoint": "https://r.example:5000",
                "pathPrefix": "team",
                "layout": "prefix",
            },
            "images": {},
        },
        "existing+prefix:https://r.example:5000/team#talos",
    ),
    "AssetSet": (
        {
            "set": "talos-v1.11.5",
            "destination": {"kind": "directory", "url": "https://a.example/talos", "path": "/srv"},
            "assets": {},
        },
        "directory:https://a.example/talos[/srv]#talos-v1.11.5",
    ),
    "ImageCache": (
        {
            "set": "berlin/image-cache-v1.11.5-amd64",
            "destination": {"kind": "directory", "url": "https://a.example/talos", "path": "/srv"},
            "talos": "v1.11.5",
            "architecture": "amd64",
            "published": {"tar": CACHE},
            "platforms": ["linux/amd64"],
            "images": {},
        },
        "directory:https://a.example/talos[/srv]#berlin/image-cache-v1.11.5-amd64",
    ),
    "Schematic": (
        {
            "factory": {"endpoint": "https://f.example", "version": "v1.5.0"},
            "serverClass": "gpu",
            "schematic": {"customization": {}},
            "schematicId": "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba",
        },
        "https://f.example#gpu",
    ),
    "ManifestFiles": (
        {"set": "sidero", "directory": "out/berlin", "files": {}},
        "out/berlin#sidero",
    ),
}


@pytest.mark.parametrize("kind", sorted(RESOURCES))
def test_ids_have_their_form(kind: str) -> None:
    inputs, wanted = EXAMPLES[kind]
    provider = provider_of(kind)
    assert isinstance(provider, ModelProvider)
    assert provider.model.model_validate(inputs).identifier == wanted
    forms = (
        form.replace("[/<path prefix>]", "/<path prefix>")
        for form in one_or_more(RESOURCES[kind]["id"])
    )
    patterns = [re.sub(r"<[a-z\\ ]+>", ".+", re.escape(form)) for form in forms]
    assert any(re.fullmatch(pattern, wanted) for pattern in patterns)


def test_documents_have_their_versions() -> None:
    site = SiteDocument.model_fields["schema_version"].annotation
    assert CONTRACT["versions"] == {
        "site": get_args(site)[0],
        "lock": LOCK_VERSION,
        "ledger": LEDGER_VERSION,
        "imageLayout": LAYOUT_VERSION,
        "imageCache": CACHE_FORMAT,
        "receipt": RECEIPT_VERSION,
    }
    assert CONTRACT["bootAssetArtifactType"] == BOOT_ASSET
    assert CONTRACT["needs"] == list(get_args(Need))
    assert CONTRACT["rules"] == [rule.name for rule in RULES]


def test_config_keys_are_the_ones_the_program_reads() -> None:
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (CHECKOUT / "__main__.py", *(CHECKOUT / "components").glob("*.py"))
    )
    read = set(
        re.findall(
            r'onfig(?:\("sidero-airgap"\))?\.(?:require|get)(?:_secret)?(?:_object)?\("(\w+)"\)',
            text,
        )
    )
    assert {f"sidero-airgap:{key}" for key in read} == set(CONTRACT["configKeys"])
