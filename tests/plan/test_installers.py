"""Installer images of server classes: made on site, made upstream and carried, or Talos' own.

Names: Image Factory v1.5.0 (`internal/frontend/http/registry.go`): `[<platform>-]installer` and
the same with `-secureboot`.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from airgap.errors import LockError
from airgap.lock.model import Lock, SchematicPin
from airgap.plan import Plan, plan_site
from airgap.plan.cache_content import select_content
from airgap.plan.environments import part
from tests.plan.samples import (
    IMAGES,
    SCHEMATIC,
    SCHEMATIC_ID,
    image_pin,
    make_lock,
    make_site,
    sha256,
)

EXISTING = {"kind": "existing", "version": "v1.5.0", "endpoint": "https://factory.example"}
MIRRORED = {"kind": "none", "installer": "mirrored"}
IMAGE = f"factory.talos.dev/metal-installer/{SCHEMATIC_ID}:v1.11.5"
SECURE = f"factory.talos.dev/metal-installer-secureboot/{SCHEMATIC_ID}:v1.11.5"
STOCK = "ghcr.io/siderolabs/installer:v1.11.5"


def lock_with(*installers: str) -> Lock:
    """Return a lock with the schematic of `workers`, and these installers of it."""
    lock = make_lock(
        schematics={SCHEMATIC_ID: SchematicPin(canonical=SCHEMATIC, classes=("workers",))}
    )
    pins = {image: image_pin(image, "talos", "server class workers") for image in installers}
    return lock.model_copy(update={"images": {**lock.images, **pins}})


def plan_of(factory: Mapping[str, object], lock: Lock, **wish: object) -> Plan:
    """Return the plan of a site with one class."""
    workers = {"name": "workers", "environment": "talos-1-11-5-amd64", **wish}
    return plan_site(make_site(imageFactory=factory, serverClasses=[workers]), lock, name="berlin")


def installer(plan: Plan) -> Mapping[str, object]:
    """Return the class' installer as rules and people see it."""
    classes = part(plan.sidero.inputs, "serverClasses")
    return part(part(classes, "workers"), "installer")


def test_a_factory_inside_makes_it_when_it_is_pulled() -> None:
    found = plan_of(EXISTING, lock_with())
    assert installer(found) == {
        "image": f"factory.example/metal-installer/{SCHEMATIC_ID}:v1.11.5",
        "builtOnSite": {"schematicId": SCHEMATIC_ID, "version": "v1.11.5"},
    }
    assert found.image_factory.inputs["installer"] == "builtOnSite"


def test_a_machine_with_secure_boot_has_an_installer_of_that_kind() -> None:
    on_site = plan_of(EXISTING, lock_with(), secureBoot={})
    assert installer(on_site)["image"] == (
        f"factory.example/metal-installer-secureboot/{SCHEMATIC_ID}:v1.11.5"
    )
    carried = plan_of(MIRRORED, lock_with(SECURE), secureBoot={})
    assert installer(carried) == {"image": SECURE, "digest": sha256(SECURE)}


@pytest.mark.parametrize("factory", [MIRRORED, {**EXISTING, "installer": "mirrored"}])
def test_a_mirrored_one_has_a_digest_and_the_public_factorys_name(
    factory: Mapping[str, object],
) -> None:
    plan = plan_of(factory, lock_with(IMAGE), extensions=["siderolabs/iscsi-tools"])
    assert installer(plan) == {"image": IMAGE, "digest": sha256(IMAGE)}
    assert plan.image_factory.inputs["installer"] == "mirrored"


def test_machines_pull_a_mirrored_one_from_the_site_by_its_public_name() -> None:
    """Talos' endpoint rewriting: the entry of the very host, and never the catch-all."""
    plan = plan_of(MIRRORED, lock_with(IMAGE))
    mirrors = part(plan.registry.inputs, "mirrors")
    assert mirrors["factory.talos.dev"] == {
        "endpoints": ["https://r.example:5000/v2/factory.talos.dev"],
        "overridePath": True,
        "skipFallback": True,
        "skipVerify": False,
    }
    assert "factory.talos.dev" in plan.registry.inputs["hosts"]  # type: ignore[operator]


def test_it_is_what_the_commands_upgrade_to() -> None:
    plan = plan_of(MIRRORED, lock_with(IMAGE))
    files = next(
        child.inputs["files"]
        for child in plan.sidero.children
        if child.name == "manifests-machine-config"
    )
    assert isinstance(files, Mapping)
    lines = files["machine-config/workers.commands.txt"]["lines"]
    assert f"talosctl upgrade --nodes NODE --image {IMAGE}" in lines


def test_without_a_factory_schematics_are_shown_and_registered_nowhere() -> None:
    factory = plan_of(MIRRORED, lock_with(IMAGE)).image_factory
    assert factory.inputs["schematics"] == {
        "workers": {"id": SCHEMATIC_ID, "schematic": {"customization": {}}}
    }
    assert factory.children == ()


def test_a_mirrored_one_that_is_not_locked_is_refused() -> None:
    with pytest.raises(LockError, match=rf"images\.{IMAGE}"):
        plan_of(MIRRORED, lock_with(), extensions=["siderolabs/iscsi-tools"])


def test_boot_assets_of_a_schematic_alone_leave_the_installer_talos_own() -> None:
    found = installer(plan_of({"kind": "none"}, lock_with()))
    assert found == {"image": STOCK, "digest": sha256(STOCK)}


# In an image cache


def test_a_mirrored_one_is_in_the_cache_of_its_machines_alone() -> None:
    other = f"factory.talos.dev/metal-installer/{'a' * 64}:v1.11.5"
    pins = {
        IMAGE: image_pin(IMAGE, "talos", "server class workers"),
        other: image_pin(other, "talos", "server class arm-workers"),
    }
    lock = make_lock(images=IMAGES)
    lock = lock.model_copy(update={"images": {**lock.images, **pins}})
    boot = {"name": "boot", "talos": "v1.11.5"}
    site = make_site(
        imageFactory=MIRRORED,
        architectures=["amd64", "arm64"],
        environments=[boot, {**boot, "name": "boot-arm", "architecture": "arm64"}],
        serverClasses=[
            {"name": "workers", "environment": "boot"},
            {"name": "arm-workers", "environment": "boot-arm"},
        ],
    )
    amd64 = select_content(site, lock, "v1.11.5", "amd64")
    arm64 = select_content(site, lock, "v1.11.5", "arm64")
    assert (IMAGE in amd64.content.images, other in amd64.content.images) == (True, False)
    assert (IMAGE in arm64.content.images, other in arm64.content.images) == (False, True)


def test_what_is_made_on_site_is_told_to_be_missing() -> None:
    site = make_site(imageFactory=EXISTING)
    left_out = select_content(site, lock_with(), "v1.11.5", "amd64").left_out
    assert "installer of server class workers" in left_out
