"""Components: the plan's values, structure and order, as the engine gets them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airgap.lock.model import SchematicPin
from airgap.plan import Plan, plan_site
from components import Site
from tests.components.recording import Registration, declare, is_secret, secrets_in
from tests.plan.samples import (
    CA,
    OTHER_CA,
    SCHEMATIC,
    SCHEMATIC_ID,
    make_lock,
    make_site,
    with_factory,
)

PASSWORD = "MARKED-pull-password"
KUBECONFIG = "apiVersion: v1\nkind: Config # MARKED-kubeconfig\n"
CREDENTIALS = {"r.example:5000": {"username": "puller", "password": PASSWORD}}

FACTORY = {
    "kind": "existing",
    "version": "v1.5.0",
    "endpoint": "https://factory.example",
    "registry": "r.example:5000",
    "ca": OTHER_CA,
}


def plan_of(**changes: object) -> Plan:
    """Return the plan of a site with a factory."""
    schematics = {SCHEMATIC_ID: SchematicPin(canonical=SCHEMATIC, classes=("workers",))}
    site = make_site(**{"imageFactory": FACTORY, **changes})
    return plan_site(site, make_lock(schematics=schematics), name="berlin")


def cluster_plan(*, node_auth: str = "none") -> Plan:
    """Return the plan of a site whose objects go to the cluster."""
    registry = {
        "kind": "existing",
        "endpoints": [{"url": "https://r.example:5000", "ca": CA}],
        "nodeAuth": node_auth,
    }
    return plan_of(registry=registry, sidero={"version": "v0.6.13", "delivery": "cluster"})


def declare_cluster(plan: Plan) -> dict[str, Registration]:
    """Return what a cluster site registers, by name."""
    config = {"kubeconfig": KUBECONFIG, "credentials": CREDENTIALS}
    found = declare(lambda: Site(plan), config=config, secrets=("kubeconfig", "credentials"))
    return {item.name: item for item in found}


def test_a_component_is_registered_with_the_plans_very_values() -> None:
    plan = plan_of()
    found = {item.name: item for item in declare(lambda: Site(plan))}
    for component in plan.components:
        registered = found[component.name]
        assert registered.type == component.token
        assert registered.inputs == component.inputs, component.name


def test_children_stand_below_their_component_under_the_plans_names() -> None:
    plan = plan_of()
    found = {item.name: (item.type, item.parent) for item in declare(lambda: Site(plan))}
    expected = {
        child.name: (child.token, component.name)
        for component in plan.components
        for child in component.children
    }
    assert expected.items() <= found.items()
    assert {name for name in found if name not in expected} == {
        component.name for component in plan.components
    }


def test_children_get_the_plans_very_values() -> None:
    plan = plan_of()
    found = {item.name: item for item in declare(lambda: Site(plan))}
    for component in plan.components:
        for child in component.children:
            inputs = dict(found[child.name].inputs)
            inputs.pop("__provider", None)
            assert inputs == child.inputs, child.name


def test_environments_come_after_everything_they_point_to() -> None:
    """Sidero fetches the moment it sees an Environment.

    The SDK registers a component once all it depends on is made, and its children after it.
    """
    plan = plan_of()
    found = declare(lambda: Site(plan))
    by_name = {item.name: item for item in found}
    waited_for = {urn.rpartition("::")[2] for urn in by_name["sidero"].dependencies}
    published = {
        child.name
        for part in (plan.registry, plan.asset_mirror, plan.image_factory)
        for child in part.children
    }
    assert published <= waited_for


def test_what_a_factory_reads_comes_after_what_it_is_mounted_from() -> None:
    schematics = {SCHEMATIC_ID: SchematicPin(canonical=SCHEMATIC, classes=("workers",))}
    lock = with_factory(make_lock(schematics=schematics))
    plan = plan_site(make_site(imageFactory=FACTORY), lock, name="berlin")
    by_name = {item.name: item for item in declare(lambda: Site(plan))}
    waited_for = {urn.rpartition("::")[2] for urn in by_name["image-factory"].dependencies}
    assert by_name["factory-artifacts"].parent == "image-factory"
    assert {child.name for child in plan.registry.children} <= waited_for


def test_a_deployed_factory_starts_after_all_that_it_reads() -> None:
    """Its Deployment is ready once `/versions` names a release: the engine waits for that."""
    schematics = {SCHEMATIC_ID: SchematicPin(canonical=SCHEMATIC, classes=("workers",))}
    lock = with_factory(make_lock(schematics=schematics))
    site = make_site(
        imageFactory={**FACTORY, "kind": "deployed"},
        sidero={"version": "v0.6.13", "delivery": "cluster"},
    )
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    config = {"kubeconfig": KUBECONFIG, "factorySigningKey": key.decode()}
    plan = plan_site(site, lock, name="berlin")
    found = declare(lambda: Site(plan), config=config, secrets=tuple(config))
    (deployment,) = (item for item in found if item.name == "factory-deployment")
    waited_for = {urn.rpartition("::")[2] for urn in deployment.dependencies}
    assert {"factory-artifacts", "schematic-workers", "factory-signing-key"} <= waited_for


def test_files_delivery_needs_no_cluster_and_no_credentials() -> None:
    types = {item.type for item in declare(lambda: Site(plan_of()))}
    assert not [token for token in types if "kubernetes" in token]


def test_the_clusters_provider_is_explicit_and_its_kubeconfig_secret() -> None:
    found = declare_cluster(cluster_plan())
    provider = found["cluster"]
    assert provider.type == "pulumi:providers:kubernetes"
    assert provider.inputs["clusterIdentifier"] == "berlin"
    assert is_secret(provider.inputs["kubeconfig"])
    for name, item in found.items():
        if item.type.startswith("kubernetes:"):
            assert item.provider.startswith(provider.urn), name


def test_environments_and_classes_are_objects_with_names_of_their_own() -> None:
    """Auto-naming would make the previewed names differ from the real ones."""
    found = declare_cluster(cluster_plan())
    environment = found["environment-talos-1-11-5-amd64"]
    assert environment.type == "kubernetes:metal.sidero.dev/v1alpha2:Environment"
    metadata = environment.inputs["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["name"].startswith("talos-1-11-5-amd64-")
    server_class = found["server-class-workers"]
    assert server_class.type == "kubernetes:metal.sidero.dev/v1alpha2:ServerClass"
    assert environment.urn in server_class.dependencies


def test_the_environment_sidero_made_itself_is_patched_and_left_behind() -> None:
    """Destroying it would bring back the one that points to GitHub."""
    default = declare_cluster(cluster_plan())["environment-default"]
    assert default.type == "kubernetes:metal.sidero.dev/v1alpha2:EnvironmentPatch"
    assert default.retained
    assert default.inputs["metadata"] == {
        "name": "default",
        "annotations": {"pulumi.com/patchForce": "true"},
    }


def patches_of(registration: Registration) -> list[object]:
    spec = registration.inputs["spec"]
    assert isinstance(spec, Mapping)
    patches = spec["strategicPatches"]
    assert isinstance(patches, list)
    return patches


def test_strategic_patches_are_texts_that_hold_the_planned_documents() -> None:
    plan = cluster_plan()
    planned = next(child for child in plan.sidero.children if child.kind == "ServerClass")
    spec = planned.inputs["spec"]
    assert isinstance(spec, Mapping)
    texts = patches_of(declare_cluster(plan)["server-class-workers"])
    assert [list(yaml.safe_load_all(str(text))) for text in texts] == spec["strategicPatches"]


def test_credentials_are_a_secret_patch_of_their_own_and_the_rest_stays_readable() -> None:
    patches = patches_of(
        declare_cluster(cluster_plan(node_auth="machineConfig"))["server-class-workers"]
    )
    assert [is_secret(patch) for patch in patches] == [False, True]
    (text,) = secrets_in(patches)
    assert yaml.safe_load(str(text)) == {
        "machine": {
            "registries": {
                "config": {"r.example:5000": {"auth": {"username": "puller", "password": PASSWORD}}}
            }
        }
    }


def test_the_secret_is_a_docker_config_keyed_by_the_endpoints_host_and_port() -> None:
    """Kubernetes: type kubernetes.io/dockerconfigjson, key .dockerconfigjson."""
    found = declare_cluster(cluster_plan(node_auth="machineConfig"))
    secret = found["registry-credentials"]
    assert secret.inputs["type"] == "kubernetes.io/dockerconfigjson"
    assert secret.inputs["metadata"] == {
        "name": "airgap-registry-credentials",
        "namespace": "sidero-system",
    }
    (data,) = secrets_in(secret.inputs)
    assert isinstance(data, Mapping)
    document = json.loads(data[".dockerconfigjson"])
    entry = document["auths"]["r.example:5000"]
    assert base64.b64decode(entry["auth"]).decode() == f"puller:{PASSWORD}"


def without_secrets(value: object) -> object:
    """Return the value with every secret blanked."""
    if is_secret(value):
        return None
    if isinstance(value, Mapping):
        return {key: without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value


def test_no_secret_is_in_clear_in_any_registration() -> None:
    found = declare_cluster(cluster_plan(node_auth="machineConfig"))
    marks = (PASSWORD, base64.b64encode(f"puller:{PASSWORD}".encode()).decode(), "MARKED")
    for name, item in found.items():
        text = json.dumps(without_secrets(item.inputs))
        assert not [mark for mark in marks if mark in text], name
