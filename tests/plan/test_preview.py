"""What a reviewer sees: one change in the site or the lock is exactly its own keys in the inputs.

The comparison walks inputs key by key, as the engine's `--diff` does.
"""

from __future__ import annotations

from collections.abc import Mapping

from airgap.lock.model import Lock, SchematicPin
from airgap.plan import Plan, plan_site
from airgap.site.model import Site
from tests.plan.samples import (
    IMAGES,
    OTHER_CA,
    SCHEMATIC,
    SCHEMATIC_ID,
    differences,
    make_lock,
    make_site,
    sha256,
)

Changes = dict[str, tuple[object, object]]


def changes(before: Plan, after: Plan) -> Changes:
    """Return every changed path of components, as `<name>: <path>`."""
    old = {name: inputs for token, name, inputs in before.views() if ":index:" in token}
    new = {name: inputs for token, name, inputs in after.views() if ":index:" in token}
    return differences(old, new)


def changed_children(before: Plan, after: Plan) -> Changes:
    """Return every changed path of resources."""
    old = {name: inputs for token, name, inputs in before.views() if ":index:" not in token}
    new = {name: inputs for token, name, inputs in after.views() if ":index:" not in token}
    return differences(old, new)


def with_mirror(skip_verify: bool) -> Site:
    override = {"endpoints": ["https://h.example"], "skipVerify": skip_verify}
    return make_site(
        registry={
            "kind": "existing",
            "endpoints": [{"url": "https://r.example:5000"}],
            "mirrors": {"docker.io": override},
        }
    )


def test_skip_verify_of_one_mirror() -> None:
    before = plan_site(with_mirror(False), make_lock(), name="berlin")
    after = plan_site(with_mirror(True), make_lock(), name="berlin")
    machine = "sidero.serverClasses.workers.machineConfig.v1alpha1.machine.registries"
    assert changes(before, after) == {
        "registry.mirrors.docker.io.skipVerify": (False, True),
        f"{machine}.config": (None, {"h.example": {"tls": {"insecureSkipVerify": True}}}),
    }


def test_one_image() -> None:
    images = {key: need for key, need in IMAGES.items() if "nginx" not in key}
    new = make_lock(images={**images, "docker.io/library/nginx:1.27.4": "workloads"})
    before = plan_site(make_site(), make_lock(), name="berlin")
    after = plan_site(make_site(), new, name="berlin")
    assert changes(before, after) == {}
    nginx = "docker.io/library/nginx"
    assert changed_children(before, after) == {
        f"images-workloads.images.{nginx}": (
            f"1.27.3@{sha256(f'{nginx}:1.27.3')}",
            f"1.27.4@{sha256(f'{nginx}:1.27.4')}",
        )
    }


def factory_plan(schematic: str) -> Plan:
    factory = {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "registry": "r.example:5000",
        "ca": OTHER_CA,
    }
    identifier = sha256(schematic).removeprefix("sha256:")
    lock = make_lock(
        schematics={identifier: SchematicPin(canonical=schematic, classes=("workers",))}
    )
    return plan_site(make_site(imageFactory=factory), lock, name="berlin")


def test_one_extension() -> None:
    schematic = (
        "customization:\n    systemExtensions:\n        officialExtensions:\n"
        "            - siderolabs/iscsi-tools\n"
    )
    identifier = sha256(schematic).removeprefix("sha256:")
    content = {"systemExtensions": {"officialExtensions": ["siderolabs/iscsi-tools"]}}
    image = "factory.example/metal-installer"
    workers = "sidero.serverClasses.workers"
    images = (f"{image}/{SCHEMATIC_ID}:v1.11.5", f"{image}/{identifier}:v1.11.5")
    assert changes(factory_plan(SCHEMATIC), factory_plan(schematic)) == {
        "image-factory.schematics.workers.id": (SCHEMATIC_ID, identifier),
        "image-factory.schematics.workers.schematic.customization.systemExtensions": (
            None,
            content["systemExtensions"],
        ),
        f"{workers}.installer.image": images,
        f"{workers}.installer.builtOnSite.schematicId": (SCHEMATIC_ID, identifier),
        f"{workers}.machineConfig.v1alpha1.machine.install.image": images,
    }


def at_patch(version: str) -> tuple[Site, Lock]:
    site = make_site(
        talos={"versions": [version]},
        environments=[{"name": "boot", "talos": version}],
        serverClasses=[{"name": "workers", "environment": "boot"}],
    )
    images = {key: need for key, need in IMAGES.items() if "installer" not in key}
    lock = make_lock(
        images={**images, f"ghcr.io/siderolabs/installer:{version}": "talos"}, talos=(version,)
    )
    return site, lock


def test_one_talos_patch_release() -> None:
    before = plan_site(*at_patch("v1.11.5"), name="berlin")
    after = plan_site(*at_patch("v1.11.6"), name="berlin")
    paths = set(changes(before, after))
    boot = {
        f"sidero.environments.{name}.{key}"
        for name in ("boot", "default")
        for key in ("talos", "kernel.url", "kernel.sha512", "initrd.url", "initrd.sha512")
    }
    workers = "sidero.serverClasses.workers"
    assert paths == boot | {
        "sidero.environments.boot.object",
        "berlin.talos.versions[0]",
        *(
            f"asset-mirror.assets.{version}/{file}"
            for version in ("v1.11.5", "v1.11.6")
            for file in ("vmlinuz-amd64", "initramfs-amd64.xz")
        ),
        f"{workers}.talos",
        f"{workers}.installer.image",
        f"{workers}.installer.digest",
        f"{workers}.machineConfig.v1alpha1.machine.install.image",
    }


def test_inputs_are_plain_values_through_and_through() -> None:
    """Nothing a policy reads can be unknown: texts, numbers, booleans, lists and mappings only."""

    def is_plain(value: object) -> bool:
        if isinstance(value, Mapping):
            return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
        if isinstance(value, list):
            return all(map(is_plain, value))
        return isinstance(value, str | int | float | bool)

    plan = plan_site(make_site(), make_lock(), name="berlin")
    for _, name, inputs in (*plan.views(), *factory_plan(SCHEMATIC).views()):
        assert is_plain(dict(inputs)), name
