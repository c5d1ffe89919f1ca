"""What a server class adds to the machine configuration, by Talos release and Sidero."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence

import pytest

from airgap.errors import LockError, SiteError
from airgap.lock.model import SchematicPin
from airgap.plan import Plan, plan_site
from airgap.plan.model import PlainValues
from tests.plan.samples import (
    CA,
    IMAGES,
    OTHER_CA,
    SCHEMATIC,
    SCHEMATIC_ID,
    make_lock,
    make_site,
    sha256,
)

FACTORY = {
    "kind": "existing",
    "version": "v1.5.0",
    "endpoint": "https://factory.example",
    "registry": "r.example:5000",
    "ca": OTHER_CA,
}


def plan_for(talos: str, sidero: str = "v0.6.13", **changes: object) -> Plan:
    """Return the plan of a site at this release."""
    site = make_site(
        talos={"versions": [talos]},
        sidero={"version": sidero},
        environments=[{"name": "boot", "talos": talos}],
        serverClasses=[{"name": "workers", "environment": "boot"}],
        **changes,
    )
    images = {**IMAGES, f"ghcr.io/siderolabs/installer:{talos}": "talos"}
    return plan_site(site, make_lock(images=images, talos=(talos,)), name="berlin")


def file_of(plan: Plan, path: str) -> list[dict[str, object]]:
    """Return the documents of a file of the plan."""
    for child in plan.sidero.children:
        files = child.inputs.get("files")
        if isinstance(files, Mapping) and path in files:
            documents = files[path]["documents"]
            assert isinstance(documents, list)
            return documents
    raise AssertionError(f"no file {path}")


def patch_of(plan: Plan) -> list[dict[str, object]]:
    """Return the documents that servers of the class get."""
    return file_of(plan, "machine-config/workers.patch.yaml")


def kinds(documents: Sequence[PlainValues]) -> list[object]:
    """Return each document's kind; v1alpha1 has none."""
    return [document.get("kind", "v1alpha1") for document in documents]


@pytest.mark.parametrize(
    ("talos", "sidero"),
    [("v1.9.6", "v0.6.13"), ("v1.11.5", "v0.6.13"), ("v1.12.0", "v0.6.11")],
)
def test_one_v1alpha1_document_where_either_side_knows_no_other(talos: str, sidero: str) -> None:
    """RegistryMirrorConfig is of Talos 1.12; Sidero v0.6.11 has the machinery of 1.11."""
    documents = patch_of(plan_for(talos, sidero))
    assert kinds(documents) == ["v1alpha1"]
    machine = documents[0]["machine"]
    assert isinstance(machine, dict)
    assert machine["registries"]["mirrors"]["ghcr.io"] == {
        "endpoints": ["https://r.example:5000/v2/ghcr.io"],
        "overridePath": True,
        "skipFallback": True,
    }
    ca = base64.b64encode(CA.encode()).decode()
    assert machine["registries"]["config"] == {"r.example:5000": {"tls": {"ca": ca}}}
    assert machine["time"] == {"servers": ["10.0.0.1"]}
    assert machine["network"] == {"nameservers": ["10.0.0.2"]}
    assert documents[0]["cluster"] == {"discovery": {"enabled": False}}


def test_documents_where_talos_and_sidero_both_know_them() -> None:
    documents = patch_of(plan_for("v1.12.0"))
    by_key = {(item.get("kind"), item.get("name")): item for item in documents}
    assert by_key["RegistryMirrorConfig", "ghcr.io"] == {
        "apiVersion": "v1alpha1",
        "kind": "RegistryMirrorConfig",
        "name": "ghcr.io",
        "endpoints": [{"url": "https://r.example:5000/v2/ghcr.io", "overridePath": True}],
        "skipFallback": True,
    }
    assert by_key["RegistryTLSConfig", "r.example:5000"]["ca"] == CA
    assert by_key["TrustedRootsConfig", "sidero-airgap"]["certificates"] == CA
    assert by_key["TimeSyncConfig", None]["ntp"] == {"servers": ["10.0.0.1"]}
    assert by_key["ResolverConfig", None]["nameservers"] == [{"address": "10.0.0.2"}]
    machine = documents[0]["machine"]
    assert isinstance(machine, dict)
    assert set(machine) == {"install"}, "nothing is said twice, in both forms"


def test_without_time_servers_nodes_do_not_ask_cloudflare() -> None:
    """Talos' default is time.cloudflare.com, and a boot waits for it."""
    old = patch_of(plan_for("v1.11.5", nodes={}))[0]["machine"]
    assert isinstance(old, dict)
    assert old["time"] == {"disabled": True}
    new = patch_of(plan_for("v1.12.0", nodes={}))
    assert {"apiVersion": "v1alpha1", "kind": "TimeSyncConfig", "enabled": False} in new


def test_extra_hosts_in_either_form() -> None:
    nodes = {"extraHosts": {"10.0.0.9": ["r.example", "a.example"]}}
    old = patch_of(plan_for("v1.11.5", nodes=nodes))[0]["machine"]
    assert isinstance(old, dict)
    assert old["network"]["extraHostEntries"] == [
        {"ip": "10.0.0.9", "aliases": ["r.example", "a.example"]}
    ]
    new = patch_of(plan_for("v1.12.0", nodes=nodes))
    assert {
        "apiVersion": "v1alpha1",
        "kind": "StaticHostConfig",
        "name": "10.0.0.9",
        "hostnames": ["r.example", "a.example"],
    } in new


def test_discovery_inside_and_the_image_cache_are_told() -> None:
    discovery = {"enabled": True, "endpoint": "https://discovery.example"}
    plan = plan_for("v1.11.5", nodes={"discovery": discovery}, imageCache={"enabled": True})
    document = patch_of(plan)[0]
    assert document["cluster"] == {
        "discovery": {
            "enabled": True,
            "registries": {"service": {"endpoint": "https://discovery.example"}},
        }
    }
    machine = document["machine"]
    assert isinstance(machine, dict)
    assert machine["features"] == {"imageCache": {"localEnabled": True}}


def class_view(plan: Plan) -> dict[str, object]:
    classes = plan.sidero.inputs["serverClasses"]
    assert isinstance(classes, dict)
    view = classes["workers"]
    assert isinstance(view, dict)
    return view


def test_talos_own_installer_is_pulled_through_the_mirror_and_pinned_in_the_inputs() -> None:
    plan = plan_for("v1.11.5")
    image = "ghcr.io/siderolabs/installer:v1.11.5"
    assert class_view(plan)["installer"] == {"image": image, "digest": sha256(image)}
    machine = patch_of(plan)[0]["machine"]
    assert isinstance(machine, dict)
    assert machine["install"] == {"image": image}


@pytest.mark.parametrize(
    ("talos", "repository"), [("v1.9.6", "installer"), ("v1.11.5", "metal-installer")]
)
def test_a_class_with_a_schematic_is_installed_by_the_sites_factory(
    talos: str, repository: str
) -> None:
    """`<platform>-installer` since Talos 1.10; before, `installer` means metal."""
    site = make_site(
        talos={"versions": [talos]},
        imageFactory=FACTORY,
        environments=[{"name": "boot", "talos": talos}],
        serverClasses=[{"name": "workers", "environment": "boot"}],
    )
    schematics = {SCHEMATIC_ID: SchematicPin(canonical=SCHEMATIC, classes=("workers",))}
    plan = plan_site(site, make_lock(talos=(talos,), schematics=schematics), name="berlin")
    assert class_view(plan)["installer"] == {
        "image": f"factory.example/{repository}/{SCHEMATIC_ID}:{talos}",
        "builtOnSite": {"schematicId": SCHEMATIC_ID, "version": talos},
    }
    assert [child.inputs for child in plan.image_factory.children] == [
        {
            "factory": {"endpoint": "https://factory.example", "version": "v1.5.0", "ca": OTHER_CA},
            "serverClass": "workers",
            "schematic": {"customization": {}},
            "schematicId": SCHEMATIC_ID,
        }
    ]


def test_an_installer_that_is_not_locked_is_an_error_that_names_lock() -> None:
    lock = make_lock(images={"registry.k8s.io/pause:3.10": "kubernetes"})
    with pytest.raises(LockError) as caught:
        plan_site(make_site(), lock, name="berlin")
    assert "ghcr.io/siderolabs/installer:v1.11.5" in str(caught.value)
    assert "airgap lock" in caught.value.diagnostics()


def test_inputs_show_certificates_by_fingerprint_only() -> None:
    """SHA-256 over DER, as `openssl x509 -fingerprint -sha256` counts: here over `site CA`."""
    for talos in ("v1.11.5", "v1.12.0"):
        text = json.dumps([component.inputs for component in plan_for(talos).components])
        assert "BEGIN CERTIFICATE" not in text
        assert base64.b64encode(CA.encode()).decode() not in text
        assert sha256("site CA") in text


def test_the_server_class_is_the_crds_and_its_patch_is_the_nodes() -> None:
    plan = plan_for("v1.12.0")
    document = file_of(plan, "server-classes/workers.yaml")[0]
    assert document["apiVersion"] == "metal.sidero.dev/v1alpha2"
    spec = document["spec"]
    assert isinstance(spec, dict)
    assert set(spec) == {"environmentRef", "qualifiers", "strategicPatches"}
    environment = file_of(plan, "environments/boot.yaml")[0]["metadata"]
    assert spec["environmentRef"] == environment
    assert spec["strategicPatches"] == [patch_of(plan)]


@pytest.mark.parametrize("talos", ["v1.11.5", "v1.12.0", "v1.13.9"])
def test_the_image_caches_volume_is_a_document_in_either_dialect(talos: str) -> None:
    """VolumeConfig IMAGECACHE (Talos 1.9 and newer): it has no v1alpha1 form."""
    volume = {"minSize": "1GiB", "maxSize": "20GiB", "diskSelector": "!system_disk"}
    cache = {"enabled": True, "medium": "cd", "volume": volume}
    documents = patch_of(plan_for(talos, imageCache=cache))
    assert documents[-1] == {
        "apiVersion": "v1alpha1",
        "kind": "VolumeConfig",
        "name": "IMAGECACHE",
        "provisioning": {
            "diskSelector": {"match": "!system_disk"},
            "minSize": "1GiB",
            "maxSize": "20GiB",
        },
    }
    assert "VolumeConfig" not in kinds(patch_of(plan_for(talos, imageCache={"enabled": True})))


def test_flat_refuses_two_images_of_one_name() -> None:
    """`docker.io/library/x:1` and `quay.io/library/x:1` would be one tag of one repository."""
    images = {**IMAGES, "docker.io/library/x:1": "workloads", "quay.io/library/x:1": "workloads"}
    registry = {"kind": "existing", "endpoints": [{"url": "https://r.example"}], "layout": "flat"}
    with pytest.raises(SiteError) as caught:
        plan_site(make_site(registry=registry), make_lock(images=images), name="berlin")
    (fault,) = caught.value.faults
    assert fault.path == "registry.layout"
    assert "docker.io/library/x:1" in fault.message
    assert "quay.io/library/x:1" in fault.message
