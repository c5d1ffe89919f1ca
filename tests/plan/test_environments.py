"""Environments: content-addressed URLs, kernel arguments, the environment `default`."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from airgap.errors import LockError
from airgap.lock.model import Lock
from airgap.plan import plan_site
from airgap.plan.environments import part
from tests.plan.samples import asset_pin, differences, make_lock, make_site, sha512

AMD = {"name": "new-amd64", "talos": "v1.11.5"}


def environments(site_changes: Mapping[str, object]) -> dict[str, dict[str, object]]:
    lock = make_lock(architectures=("amd64", "arm64"))
    plan = plan_site(make_site(**site_changes), lock, name="berlin")
    found = plan.sidero.inputs["environments"]
    assert isinstance(found, dict)
    return found


def test_urls_change_with_the_content_and_say_the_version() -> None:
    """Sidero refetches only when the URL changes, and never reads sha512."""
    plan = plan_site(make_site(), make_lock(), name="berlin")
    found = plan.sidero.inputs["environments"]
    assert isinstance(found, dict)
    digest = sha512("v1.11.5/vmlinuz-amd64").removeprefix("sha512:")
    assert found["talos-1-11-5-amd64"]["kernel"] == {
        "url": f"https://a.example/talos/v1.11.5/{digest[:16]}/vmlinuz-amd64",
        "sha512": digest,
    }


def test_arm64_boots_arm64() -> None:
    site = {
        "architectures": ["amd64", "arm64"],
        "environments": [{**AMD, "architecture": "arm64"}],
        "serverClasses": [],
    }
    found = environments(site)["new-amd64"]
    assert isinstance(found["initrd"], dict)
    assert str(found["initrd"]["url"]).endswith("/initramfs-arm64.xz")


def test_arguments_are_complete_since_a_list_replaces_sideros_defaults() -> None:
    """EnvironmentDefaultSpec of Sidero v0.6.13 with the quirks of Talos v1.11; no talos.config."""
    extra = ["console=ttyS1,115200", "ip=dhcp"]
    found = environments({"environments": [{**AMD, "extraKernelArgs": extra}], "serverClasses": []})
    arguments = found["new-amd64"]["kernelArgs"]
    assert isinstance(arguments, list)
    assert arguments[-2:] == extra
    assert {"talos.platform=metal", "initrd=initramfs.xz", "slab_nomerge=", "selinux=1"} <= set(
        arguments
    )
    assert not [argument for argument in arguments if argument.startswith("talos.config")]


def test_default_becomes_the_first_environment() -> None:
    """Sidero's own points to GitHub and fails for ever."""
    site = {
        "environments": [AMD, {"name": "a-second", "talos": "v1.11.5", "architecture": "arm64"}],
        "architectures": ["amd64", "arm64"],
        "serverClasses": [],
    }
    found = environments(site)
    assert {**found["default"], "object": ""} == {**found["new-amd64"], "object": ""}
    assert found["default"]["object"] == "default"
    assert list(found) == ["a-second", "default", "new-amd64"]


def test_an_environment_named_default_is_the_authors() -> None:
    site = {
        "environments": [AMD, {**AMD, "name": "default", "extraKernelArgs": ["x=y"]}],
        "serverClasses": [],
    }
    found = environments(site)
    arguments = found["default"]["kernelArgs"]
    assert isinstance(arguments, list)
    assert arguments[-1] == "x=y"


def test_an_asset_that_is_not_locked_is_an_error() -> None:
    lock = make_lock(talos=("v1.10.9",))
    with pytest.raises(LockError, match=r"v1\.11\.5/vmlinuz-amd64"):
        plan_site(make_site(), lock, name="berlin")


def test_the_forks_fields_come_with_its_flavour_only() -> None:
    """The plan document's fork: spec.airGap; skipFallback it does not know."""
    stock = environments({})
    assert all("airGap" not in item for item in stock.values())
    fork = environments({"sidero": {"version": "v0.6.13", "flavour": "airgap"}})
    air_gap = fork["default"]["airGap"]
    assert isinstance(air_gap, dict)
    assert air_gap["enabled"] is True
    assert air_gap["assetMirror"] == "https://a.example/talos"
    mirror = air_gap["registryMirrors"]["ghcr.io"]
    assert mirror["endpoints"] == ["https://r.example:5000/v2/ghcr.io"]
    assert set(mirror) == {"endpoints", "overridePath", "skipVerify", "caFingerprint"}


def fork_with(item: Mapping[str, object], lock: Lock) -> dict[str, object]:
    """Return the only environment of a site of the fork's flavour."""
    site = make_site(
        sidero={"version": "v0.6.13", "flavour": "airgap"},
        environments=[{**AMD, **item}],
        serverClasses=[],
    )
    found = plan_site(site, lock, name="berlin").sidero.inputs["environments"]
    assert isinstance(found, dict)
    return dict(found["new-amd64"])


def test_a_boot_asset_is_the_mirrors_and_content_addressed() -> None:
    key = "v1.11.5/metal-amd64.raw.zst"
    plain = make_lock()
    lock = plain.model_copy(update={"assets": {**plain.assets, key: asset_pin(key)}})
    digest = sha512(key).removeprefix("sha512:")
    before = fork_with({}, plain)
    after = fork_with({"bootAsset": "metal-amd64.raw.zst"}, lock)
    assert differences(before, after) == {
        "bootAsset": (
            None,
            {
                "url": f"https://a.example/talos/v1.11.5/{digest[:16]}/metal-amd64.raw.zst",
                "sha512": digest,
            },
        )
    }


def test_other_bytes_of_an_own_disk_image_are_another_environment() -> None:
    """They may change while kernel and initramfs, which name the release, do not."""
    key = "v1.11.5/metal-amd64.raw.zst"
    own = {"bootAsset": "metal-amd64.raw.zst", "bootAssetFile": "images/metal-amd64.raw.zst"}
    names = set()
    for content in ("one", "other"):
        lock = make_lock()
        pin = asset_pin(key).model_copy(update={"sha512": sha512(content)})
        lock = lock.model_copy(update={"assets": {**lock.assets, key: pin}})
        names.add(fork_with(own, lock)["object"])
    assert len(names) == 2


def test_other_bytes_are_another_environment_of_sidero() -> None:
    """It writes over the old file without truncating (facts: no O_TRUNC in `save`)."""
    key = "v1.11.5/initramfs-amd64.xz"
    smaller = asset_pin(key).model_copy(update={"sha512": sha512("a smaller initramfs")})
    lock = make_lock()
    changed = lock.model_copy(update={"assets": {**lock.assets, key: smaller}})
    site = make_site(environments=[AMD], serverClasses=[])
    names = [
        part(part(plan_site(site, each, name="berlin").sidero.inputs, "environments"), AMD["name"])[
            "object"
        ]
        for each in (lock, lock, changed)
    ]
    assert names[0] == names[1]
    assert names[1] != names[2]
    assert all(re.fullmatch(r"new-amd64-[0-9a-f]{8}", str(name)) for name in names)
