"""What makes Sidero's manager trust a private CA.

Facts: namespace `sidero-system`, Deployment `sidero-controller-manager`, container `manager`; it
is a Go program with the system's trust (crypto/x509, root_unix.go: SSL_CERT_DIR is a list of
directories parted by colons, read beside the first bundle that is there).
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import yaml

from airgap.plan import Plan, plan_site
from airgap.plan.trust import bundle, fingerprint
from airgap.render import render_file
from tests.plan.samples import CA, OTHER_CA, make_lock, make_site

__all__: list[str] = []

MIRROR = {"kind": "directory", "url": "https://a.example/talos", "path": "/srv/talos"}
FOLDER = "controller-trust"


def plan_of(*, ca: str = CA, **sidero: object) -> Plan:
    """Return the plan of a site whose asset mirror has a private CA."""
    trust = {"version": "v0.6.13", "controllerTrust": "managed", **sidero}
    site = make_site(sidero=trust, assetMirror={**MIRROR, "ca": ca})
    return plan_site(site, make_lock(), name="berlin")


def written(plan: Plan) -> dict[str, dict[str, object]]:
    """Return the documents of the kustomize component, by file."""
    [found] = [child for child in plan.sidero.children if child.name == f"manifests-{FOLDER}"]
    files = found.inputs["files"]
    assert isinstance(files, Mapping)
    return {
        path.removeprefix(f"{FOLDER}/"): yaml.safe_load(render_file(specification))
        for path, specification in files.items()
    }


def pod_of(deployment: Mapping[str, object]) -> dict[str, list[dict[str, object]]]:
    """Return the pod's part of the patch."""
    spec = deployment["spec"]
    assert isinstance(spec, dict)
    pod = spec["template"]["spec"]
    assert isinstance(pod, dict)
    return pod


def test_files_are_a_kustomize_component() -> None:
    files = written(plan_of())
    component = files["kustomization.yaml"]
    assert component["kind"] == "Component"
    assert component["resources"] == ["configmap.yaml"]
    assert component["patches"] == [{"path": "deployment.patch.yaml"}]
    assert set(files) == {"kustomization.yaml", "configmap.yaml", "deployment.patch.yaml"}


def test_the_manager_reads_the_ca_beside_the_systems() -> None:
    files = written(plan_of())
    config_map, deployment = files["configmap.yaml"], files["deployment.patch.yaml"]
    assert deployment["metadata"] == {
        "name": "sidero-controller-manager",
        "namespace": "sidero-system",
    }
    pod = pod_of(deployment)
    [container] = pod["containers"]
    assert container["name"] == "manager"
    mounts = container["volumeMounts"]
    assert isinstance(mounts, list)
    [mount] = mounts
    assert container["env"] == [
        {"name": "SSL_CERT_DIR", "value": f"/etc/ssl/certs:{mount['mountPath']}"}
    ]
    assert mount["readOnly"] is True
    [volume] = pod["volumes"]
    assert volume["name"] == mount["name"]
    assert volume["configMap"] == {"name": config_map["metadata"]["name"]}  # type: ignore[index]
    assert list(config_map["data"].values()) == [CA]  # type: ignore[attr-defined]


def test_another_ca_is_another_pod() -> None:
    """A pod that runs has read its directories: only another pod template starts another."""
    one, other = (pod_of(written(plan_of(ca=ca))["deployment.patch.yaml"]) for ca in (CA, OTHER_CA))
    assert one["volumes"] != other["volumes"]


def test_external_trust_emits_nothing_and_is_shown() -> None:
    plan = plan_of(controllerTrust="external")
    assert not [child for child in plan.sidero.children if "trust" in child.name]
    assert plan.sidero.inputs["controllerTrust"] == {"kind": "external"}


def test_a_reviewer_sees_whom_sidero_is_made_to_trust() -> None:
    shown = {"kind": "managed", "caFingerprint": fingerprint(CA)}
    assert plan_of().sidero.inputs["controllerTrust"] == shown


@pytest.mark.parametrize("flavour", ["stock", "airgap"])
def test_the_fork_asks_the_factory_as_well(flavour: str) -> None:
    factory = {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "registry": "r.example:5000",
        "ca": OTHER_CA,
    }
    site = make_site(
        sidero={"version": "v0.6.13", "controllerTrust": "managed", "flavour": flavour},
        assetMirror={**MIRROR, "ca": CA},
        imageFactory=factory,
        serverClasses=[],
    )
    config_map = written(plan_site(site, make_lock(), name="berlin"))["configmap.yaml"]
    wanted = bundle([CA, OTHER_CA]) if flavour == "airgap" else CA
    assert list(config_map["data"].values()) == [wanted]  # type: ignore[attr-defined]


def test_in_the_cluster_the_map_comes_first_and_the_patch_leaves_with_us() -> None:
    children = {child.name: child for child in plan_of(delivery="cluster").sidero.children}
    assert children["controller-ca"].token == "kubernetes:v1:ConfigMap"
    patch = children["controller-trust"]
    assert patch.token == "kubernetes:apps/v1:DeploymentPatch"
    assert patch.after == ("controller-ca",)
    assert not patch.adopted, "kept, the pod would wait for a ConfigMap that is gone"
    assert f"manifests-{FOLDER}" not in children


def test_the_script_installs_trust_before_what_needs_it() -> None:
    [sidero] = [child for child in plan_of().sidero.children if child.name == "manifests-sidero"]
    files = sidero.inputs["files"]
    assert isinstance(files, Mapping)
    lines = render_file(files["apply.sh"]).decode().splitlines()
    trust = "kubectl apply -f controller-trust/configmap.yaml"
    assert lines.index(trust) < lines.index("kubectl apply -f environments/")


def test_the_forks_definition_is_written_in_either_delivery() -> None:
    for delivery in ("files", "cluster"):
        plan = plan_of(delivery=delivery, flavour="airgap")
        [crds] = [child for child in plan.sidero.children if child.name == "manifests-crds"]
        assert list(crds.inputs["files"]) == [  # type: ignore[call-overload]
            "crds/environments.metal.sidero.dev.yaml"
        ]
    assert not [child for child in plan_of().sidero.children if child.name == "manifests-crds"]
