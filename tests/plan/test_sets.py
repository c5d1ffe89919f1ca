"""Sets: one resource per thing a reviewer thinks of, a key per item."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from airgap.plan import Plan, ResourcePlan, plan_site
from tests.plan.samples import CA, IMAGES, make_lock, make_site, sha256, sha512


def child_of(plan: Plan, name: str) -> ResourcePlan:
    found = [child for part in plan.components for child in part.children if child.name == name]
    assert len(found) == 1, name
    return found[0]


def test_images_are_split_by_need_and_keyed_by_repository() -> None:
    plan = plan_site(make_site(), make_lock(), name="berlin")
    names = [child.name for child in plan.registry.children]
    assert names == ["images-talos", "images-kubernetes", "images-workloads"]
    nginx = "docker.io/library/nginx:1.27.3"
    assert child_of(plan, "images-workloads").inputs == {
        "set": "berlin/workloads",
        "destination": {
            "kind": "existing",
            "endpoint": "https://r.example:5000",
            "pathPrefix": "",
            "layout": "prefix",
            "overwrite": False,
            "ca": CA,
        },
        "images": {"docker.io/library/nginx": f"1.27.3@{sha256(nginx)}"},
        "onDelete": "retain",
    }


def test_several_tags_of_one_repository_come_in_version_order() -> None:
    tags = ["v1.9.10", "v1.10.0-rc.1", "v1.9.9", "v1.10.0"]
    images = {f"ghcr.io/siderolabs/installer:{tag}": "talos" for tag in tags}
    lock = make_lock(images=images)
    site = make_site(environments=[], serverClasses=[])
    inputs = child_of(plan_site(site, lock, name="berlin"), "images-talos").inputs
    images_input = inputs["images"]
    assert isinstance(images_input, Mapping)
    pins = images_input["ghcr.io/siderolabs/installer"]
    assert [pin.partition("@")[0] for pin in pins] == [
        "v1.9.9",
        "v1.9.10",
        "v1.10.0-rc.1",
        "v1.10.0",
    ]


def test_an_image_locked_by_digest_alone_has_its_digest() -> None:
    reference = f"quay.io/org/app@{sha256('app')}"
    lock = make_lock(images={**IMAGES, reference: "workloads"})
    inputs = child_of(plan_site(make_site(), lock, name="berlin"), "images-workloads").inputs
    images = inputs["images"]
    assert isinstance(images, Mapping)
    assert images["quay.io/org/app"] == sha256(reference)


def test_boot_assets_are_a_set_a_release() -> None:
    lock = make_lock(talos=("v1.11.5", "v1.12.0"))
    plan = plan_site(make_site(), lock, name="berlin")
    names = [child.name for child in plan.asset_mirror.children]
    assert names == ["assets-talos-v1.11.5", "assets-talos-v1.12.0"]
    inputs = child_of(plan, "assets-talos-v1.12.0").inputs
    assert inputs["set"] == "berlin/talos-v1.12.0"
    assert inputs["destination"] == {
        "kind": "directory",
        "url": "https://a.example/talos",
        "path": "/srv/talos",
        "ca": CA,
    }
    assets = inputs["assets"]
    assert isinstance(assets, Mapping)
    name = "v1.12.0/vmlinuz-amd64"
    assert assets[name] == {"sha256": sha256(name), "sha512": sha512(name), "size": 2000}


def test_names_and_inputs_do_not_depend_on_the_order_things_are_written_in() -> None:
    second = {"name": "talos-two", "talos": "v1.11.5", "extraKernelArgs": ["a=b"]}
    first = {"name": "talos-1-11-5-amd64", "talos": "v1.11.5"}
    default = {"name": "default", "talos": "v1.11.5"}
    classes = [{"name": name, "environment": "talos-two"} for name in ("workers", "gpus")]
    images = dict(reversed(IMAGES.items()))
    there = make_site(environments=[default, first, second], serverClasses=classes)
    back = make_site(environments=[second, first, default], serverClasses=classes[::-1])
    one = plan_site(there, make_lock(), name="berlin")
    other = plan_site(back, make_lock(images=images), name="berlin")
    assert list(one.views()) == list(other.views())


def test_no_resource_name_occurs_twice() -> None:
    plan = plan_site(make_site(), make_lock(), name="berlin")
    views = [(token, name) for token, name, _ in plan.views()]
    assert len(views) == len(set(views))


def test_inputs_know_neither_side_nor_store() -> None:
    """What can change without a diff is no input: store, concurrency, throttle, source."""
    site = make_site(transfer={"limits": []}, upstream={"releases": "https://cache.example/talos"})
    one = plan_site(site, make_lock(), name="berlin")
    other = plan_site(make_site(), make_lock(), name="berlin")
    assert list(one.views()) == list(other.views())


@pytest.mark.parametrize("delivery", ["files", "cluster"])
def test_the_talosctl_patch_is_written_in_either_delivery(delivery: str) -> None:
    site = make_site(sidero={"version": "v0.6.13", "delivery": delivery})
    plan = plan_site(site, make_lock(), name="berlin")
    inputs = child_of(plan, "manifests-machine-config").inputs
    assert inputs["directory"] == "out/berlin"
    files = inputs["files"]
    assert isinstance(files, Mapping)
    assert "machine-config/workers.patch.yaml" in files


def test_cluster_delivery_holds_the_objects_themselves_and_adopts_default() -> None:
    site = make_site(sidero={"version": "v0.6.13", "delivery": "cluster"})
    plan = plan_site(site, make_lock(), name="berlin")
    api = "kubernetes:metal.sidero.dev/v1alpha2"
    tokens = {child.name: child.token for child in plan.sidero.children}
    assert tokens == {
        "environment-default": f"{api}:EnvironmentPatch",
        "environment-talos-1-11-5-amd64": f"{api}:Environment",
        "server-class-workers": f"{api}:ServerClass",
        "manifests-machine-config": "pulumi-python:dynamic/airgap:ManifestFiles",
        "manifests-management": "pulumi-python:dynamic/airgap:ManifestFiles",
    }


def test_credentials_are_referred_to_and_never_planned() -> None:
    registry = {
        "kind": "existing",
        "endpoints": [{"url": "https://r.example:5000", "ca": CA}],
        "nodeAuth": "machineConfig",
    }
    files = plan_site(make_site(registry=registry), make_lock(), name="berlin")
    manifests = child_of(files, "manifests-sidero").inputs["files"]
    assert isinstance(manifests, Mapping)
    assert set(manifests) == {
        "apply.sh",
        "default-environment.patch.yaml",
        "environments/talos-1-11-5-amd64.yaml",
        "server-classes/workers.yaml",
    }
    metadata = manifests["server-classes/workers.yaml"]["documents"][0]["metadata"]
    assert metadata["annotations"] == {
        "sidero-airgap/registry-credentials": "sidero-system/airgap-registry-credentials"
    }
    site = make_site(registry=registry, sidero={"version": "v0.6.13", "delivery": "cluster"})
    cluster = plan_site(site, make_lock(), name="berlin")
    secret = child_of(cluster, "registry-credentials")
    assert "data" not in secret.inputs
    assert "stringData" not in secret.inputs
    assert child_of(cluster, "server-class-workers").credentials == "v1alpha1"


def test_without_a_factory_there_is_a_component_and_nothing_below_it() -> None:
    plan = plan_site(make_site(), make_lock(), name="berlin")
    assert plan.image_factory.inputs["kind"] == "none"
    assert plan.image_factory.children == ()
