"""Environments that boot what a factory made of a server class' schematic when it was locked."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from airgap.errors import LockError
from airgap.lock.model import Lock, SchematicPin
from airgap.plan import plan_site
from airgap.plan.environments import part
from airgap.transfer.wanted import assets_of
from tests.plan.samples import (
    SCHEMATIC,
    SCHEMATIC_ID,
    asset_pin,
    differences,
    made_assets,
    make_lock,
    make_site,
    sha512,
)

CMDLINE = "talos.platform=metal console=tty0 init_on_alloc=1 net.ifnames=0"
KERNEL, INITRAMFS, ARGUMENTS = "kernel-amd64", "initramfs-amd64.xz", "cmdline-metal-amd64"
MADE = {"name": "made", "talos": "v1.11.5", "schematicOf": "workers"}
WORKERS = {"name": "workers", "environment": "made", "extraKernelArgs": ["net.ifnames=0"]}


def lock_with(*names: str, text: str | None = CMDLINE) -> Lock:
    """Return a lock with the schematic of `workers`, and these files made of it."""
    lock = make_lock(
        schematics={SCHEMATIC_ID: SchematicPin(canonical=SCHEMATIC, classes=("workers",))}
    )
    made = made_assets("v1.11.5", SCHEMATIC_ID, *names, text=text or "")
    if text is None:
        made = {key: pin.model_copy(update={"text": None}) for key, pin in made.items()}
    return lock.model_copy(update={"assets": {**lock.assets, **made}})


WHOLE = lock_with(KERNEL, INITRAMFS, ARGUMENTS)


def environment(lock: Lock, *, flavour: str = "stock", **more: object) -> Mapping[str, object]:
    """Return the one environment as rules and people see it."""
    site = make_site(
        environments=[{**MADE, **more}],
        serverClasses=[WORKERS],
        sidero={"version": "v0.6.13", "flavour": flavour},
    )
    plan = plan_site(site, lock, name="berlin")
    return part(part(plan.sidero.inputs, "environments"), "made")


def test_kernel_and_initramfs_are_the_factorys_from_the_sites_own_mirror() -> None:
    """DESIGN decision 8, in the directory of the schematic; and there `up` publishes it."""
    found = environment(WHOLE)
    published = {item.name: item.content_path for item in assets_of([WHOLE])}
    for part_of, name in (("kernel", KERNEL), ("initrd", INITRAMFS)):
        digest = sha512(f"v1.11.5/{SCHEMATIC_ID}/{name}").removeprefix("sha512:")
        url = f"https://a.example/talos/v1.11.5/{SCHEMATIC_ID}/{digest[:16]}/{name}"
        assert found[part_of] == {"url": url, "sha512": digest}
        assert url.endswith(f"/{published[f'v1.11.5/{SCHEMATIC_ID}/{name}']}")
    assert found["schematicOf"] == "workers"


def test_arguments_are_sideros_then_the_factorys_then_the_environments() -> None:
    found = environment(WHOLE, extraKernelArgs=["ip=dhcp"])
    assert found["kernelArgs"] == [
        "console=ttyS0",
        "earlyprintk=ttyS0",
        "initrd=initramfs.xz",
        *CMDLINE.split(),
        "ip=dhcp",
    ]


def test_the_object_of_the_cluster_names_no_schematic_but_its_content() -> None:
    """The CRD of Sidero v0.6.13 knows kernel and initrd alone."""
    site = make_site(environments=[MADE], serverClasses=[WORKERS])
    plan = plan_site(site, WHOLE, name="berlin")
    files = next(child for child in plan.sidero.children if child.name == "manifests-sidero")
    document = files.inputs["files"]
    assert isinstance(document, dict)
    spec = document["environments/made.yaml"]["documents"][0]["spec"]
    assert set(spec) == {"kernel", "initrd"}


def test_other_bytes_of_the_initramfs_are_another_environment_of_sidero() -> None:
    """It writes over the old file without truncating (facts: no O_TRUNC in `save`)."""
    key = f"v1.11.5/{SCHEMATIC_ID}/{INITRAMFS}"
    other = WHOLE.assets[key].model_copy(update={"sha512": sha512("made again")})
    changed = WHOLE.model_copy(update={"assets": {**WHOLE.assets, key: other}})
    names = [str(environment(lock)["object"]) for lock in (WHOLE, WHOLE, changed)]
    assert names[0] == names[1] != names[2]
    assert all(re.fullmatch(r"made-[0-9a-f]{8}", name) for name in names)


def test_a_boot_asset_is_the_factorys_disk_image_and_part_of_the_name() -> None:
    image = "metal-amd64.raw.zst"
    lock = lock_with(KERNEL, INITRAMFS, ARGUMENTS, image)
    before = environment(WHOLE, flavour="airgap")
    after = environment(lock, flavour="airgap", bootAsset=image)
    digest = sha512(f"v1.11.5/{SCHEMATIC_ID}/{image}").removeprefix("sha512:")
    url = f"https://a.example/talos/v1.11.5/{SCHEMATIC_ID}/{digest[:16]}/{image}"
    changed = differences(before, after)
    assert changed.pop("bootAsset") == (None, {"url": url, "sha512": digest})
    assert set(changed) == {"object"}


def test_an_own_disk_image_stays_the_authors() -> None:
    image, key = "metal-amd64.raw.zst", "v1.11.5/metal-amd64.raw.zst"
    lock = WHOLE.model_copy(update={"assets": {**WHOLE.assets, key: asset_pin(key)}})
    found = environment(lock, flavour="airgap", bootAsset=image, bootAssetFile=f"images/{image}")
    boot_asset = found["bootAsset"]
    assert isinstance(boot_asset, dict)
    assert boot_asset["sha512"] == sha512(key).removeprefix("sha512:")


@pytest.mark.parametrize(
    ("lock", "named"),
    [
        (make_lock(), r"schematics: has no schematic of server class workers"),
        (lock_with(INITRAMFS, ARGUMENTS), rf"assets\.v1\.11\.5/{SCHEMATIC_ID}/{KERNEL}"),
        (lock_with(KERNEL, ARGUMENTS), rf"assets\.v1\.11\.5/{SCHEMATIC_ID}/{INITRAMFS}"),
        (lock_with(KERNEL, INITRAMFS), rf"assets\.v1\.11\.5/{SCHEMATIC_ID}/{ARGUMENTS}"),
        (
            lock_with(KERNEL, INITRAMFS, ARGUMENTS, text=None),
            rf"assets\.v1\.11\.5/{SCHEMATIC_ID}/{ARGUMENTS}\.text",
        ),
    ],
)
def test_a_lock_that_lacks_something_is_refused_by_its_key(lock: Lock, named: str) -> None:
    with pytest.raises(LockError, match=named) as refused:
        environment(lock)
    assert "python -m airgap lock" in refused.value.diagnostics()


def test_what_a_factory_made_does_not_count_as_a_releases_signature() -> None:
    """A factory signs nothing that a community build hands out; the release's signer stays."""
    who = {"issuer": "https://accounts.example.com", "identity": "releases@example.com"}
    signed = {
        key: pin.model_copy(update={"signed_by": "releases@example.com"})
        for key, pin in WHOLE.assets.items()
        if pin.made_by is None
    }
    lock = WHOLE.model_copy(update={"assets": {**WHOLE.assets, **signed}})
    site = make_site(environments=[MADE], serverClasses=[WORKERS], signatures={"releases": who})
    found = plan_site(site, lock, name="berlin").asset_mirror.inputs["signatures"]
    assert isinstance(found, dict)
    assert found["signedBy"] == {"v1.11.5": "releases@example.com"}
