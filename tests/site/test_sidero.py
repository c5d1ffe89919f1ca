"""What Sidero can be told: boot assets beyond kernel and initramfs, `default`, a private CA."""

from __future__ import annotations

from typing import cast

import pytest

from airgap.site.path import Step
from tests.site.documents import EXAMPLE_CA, changed, faults_of, parsed, paths_of

__all__: list[str] = []

_ENVIRONMENT = ("environments", 0)
_TRUST = ("sidero", "controllerTrust")
_CA = (("assetMirror", "ca"), EXAMPLE_CA)
_FORK: tuple[tuple[Step, ...], object] = (("sidero", "flavour"), "airgap")
_IMAGE = "metal-amd64.raw.zst"


def test_a_private_ca_that_nobody_makes_sidero_trust_is_refused() -> None:
    """It downloads with the trust of its own container (facts: `save()`, a plain http.Client)."""
    [fault] = faults_of(changed(_CA))
    assert fault.path == "site.sidero.controllerTrust"
    assert "managed" in fault.hint
    assert "external" in fault.hint
    for trust in ("managed", "external"):
        assert not faults_of(changed(_CA, (_TRUST, trust)))


def test_there_has_to_be_something_to_trust() -> None:
    assert paths_of(changed((_TRUST, "managed"))) == ["site.sidero.controllerTrust"]
    assert not faults_of(changed((_TRUST, "external")))


@pytest.mark.parametrize("delivery", ["files", "cluster"])
def test_an_environment_may_be_sideros_own_default(delivery: str) -> None:
    site = changed(
        ((*_ENVIRONMENT, "name"), "default"),
        (("serverClasses", 0, "environment"), "default"),
        (("sidero", "delivery"), delivery),
    )
    assert not faults_of(site)


def test_a_disk_image_is_booted_by_the_fork_only() -> None:
    image = ((*_ENVIRONMENT, "bootAsset"), _IMAGE)
    assert parsed(changed(_FORK, image)).environments[0].boot_asset == _IMAGE
    [fault] = faults_of(changed(image))
    assert fault.path == "site.environments[0].bootAsset"
    assert "flavour: airgap" in fault.hint


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("images/metal-amd64.iso", "not a file name"),
        ("vmlinuz-amd64", "what every environment has"),
        ("sha512sum.txt", "what every environment has"),
        ("metal-arm64.iso", "not of the environment's architecture"),
    ],
)
def test_a_boot_asset_that_cannot_be_is_refused(name: str, said: str) -> None:
    faults = faults_of(changed(_FORK, ((*_ENVIRONMENT, "bootAsset"), name)))
    assert [fault.path for fault in faults] == ["site.environments[0].bootAsset"]
    assert said in faults[0].message


def test_a_file_needs_a_name_to_be_published_under() -> None:
    file = ((*_ENVIRONMENT, "bootAssetFile"), "images/own.raw.zst")
    assert paths_of(changed(_FORK, file)) == ["site.environments[0].bootAsset"]


def test_one_name_is_one_file() -> None:
    first = {"name": "a", "talos": "v1.11.5", "bootAsset": _IMAGE}
    second = {**first, "name": "b", "bootAssetFile": "own.raw.zst"}
    site = changed(_FORK, (("environments",), [first, second]), (("serverClasses",), []))
    assert paths_of(site) == ["site.environments[1].bootAsset"]
    same = changed(_FORK, (("environments",), [first, {**first, "name": "b"}]))
    assert "site.environments[1].bootAsset" not in paths_of(same)


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("qualifiers", {"hardware": [{"cpu": {}}]}, "qualifiers.hardware[0].cpu"),
        (
            "qualifiers",
            {"hardware": [{"compute": {"totalCoreCount": "8"}}]},
            "qualifiers.hardware[0].compute.totalCoreCount",
        ),
        ("selector", {"matchLabels": {"rack": 1}}, "selector.matchLabels.rack"),
        (
            "selector",
            {"matchExpressions": [{"key": "rack"}]},
            "selector.matchExpressions[0].operator",
        ),
    ],
)
def test_qualifiers_are_held_against_the_crd_to_their_leaves(
    key: str, value: object, path: str
) -> None:
    """Sidero v0.6.13's CRDs: the API server drops, or refuses, what is not in them."""
    site = changed((cast("tuple[Step, ...]", ("serverClasses", 0, key)), value))
    assert paths_of(site) == [f"site.serverClasses[0].{path}"]
