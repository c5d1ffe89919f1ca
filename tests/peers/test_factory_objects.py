"""The objects of a deployed factory, taken whole by a real API server and let in by it.

kube-apiserver v1.34.1 with `fieldValidation=Strict`; its Pod Security admission judges the pod that
the Deployment would make.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import pytest
import yaml

from airgap.plan import ComponentPlan
from airgap.plan.deployed import plan_deployed
from airgap.site.model import Site
from components import ImageFactory
from tests.components.recording import declare
from tests.peers.certificates import Certificates
from tests.peers.delivered import documents_of, files_of_set
from tests.peers.kubernetes import Kubernetes, Object, RefusedError, find_lost, serve_kubernetes
from tests.peers.test_kubernetes_api import as_object
from tests.plan.samples import make_lock, make_site
from tools.peers import Peers

pytestmark = pytest.mark.peers

SIGNER = "-----BEGIN PUBLIC KEY-----\nc2lnbmVy\n-----END PUBLIC KEY-----\n"
SIGNING_KEY = "-----BEGIN PRIVATE KEY-----\nb25seSB0aGlzIHRlc3Qncw==\n-----END PRIVATE KEY-----\n"
WISHES: Mapping[str, Mapping[str, object]] = {
    "plain": {"version": "v1.5.0"},
    "whole": {
        "version": "v1.5.0",
        "secureBoot": True,
        "verification": {"publicKey": SIGNER},
        "deployment": {
            "tlsSecretRef": "factory-tls",
            "registrySecretRef": "factory-registry",
            "service": "LoadBalancer",
            "scratchSize": "500Gi",
        },
    },
    "flags": {"version": "v0.9.0", "secureBoot": True},
}


@pytest.fixture(scope="module")
def server(
    peers: Peers, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kubernetes]:
    folder = tmp_path_factory.mktemp("kubernetes") / "server"
    with serve_kubernetes(peers, certificates, folder, []) as running:
        yield running


def site_of(wish: str, **sidero: object) -> Site:
    """Return a site whose factory's namespace is its own."""
    values = WISHES[wish]
    running = cast("Mapping[str, object]", values.get("deployment", {}))
    place = {"kind": "deployed", "endpoint": "https://factory.example"}
    deployment = {**running, "namespace": f"factory-{wish}"}
    return make_site(
        imageFactory={**place, **values, "deployment": deployment},
        sidero={"version": "v0.6.13", **sidero},
    )


def plan_of(site: Site) -> ComponentPlan:
    """Return the component of the factory's running alone."""
    image = f"ghcr.io/siderolabs/image-factory:{site.image_factory.version}"
    deployed = plan_deployed(site, make_lock(images={image: "factory"}), name="berlin")
    inputs = {**deployed.inputs, "schematics": {}}
    return ComponentPlan(
        kind="ImageFactory", name="image-factory", inputs=inputs, children=deployed.children
    )


def written(wish: str) -> list[Object]:
    """Return the objects of the file."""
    return list(documents_of(files_of_set(plan_of(site_of(wish)).children[0])["kubernetes.yaml"]))


def registered(wish: str) -> list[Object]:
    """Return the objects that the component registers, the signing key in clear."""
    plan = plan_of(site_of(wish, delivery="cluster"))
    config = {"kubeconfig": "{}", "factorySigningKey": SIGNING_KEY}
    found = declare(lambda: ImageFactory(plan), config=config, secrets=tuple(config))
    return [as_object(item) for item in found if item.type.startswith("kubernetes:")]


def pod_of(objects: list[Object], namespace: str) -> Object:
    """Return the pod that the Deployment makes, in a namespace."""
    [deployment] = [item for item in objects if item["kind"] == "Deployment"]
    template = deployment["spec"]["template"]  # type: ignore[index]  # checked by the server
    metadata = {"name": "one", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def prepare(server: Kubernetes, namespace: Object) -> str:
    """Make a namespace, with the account that no controller here makes."""
    server.apply(namespace)
    metadata = namespace["metadata"]
    assert isinstance(metadata, dict)
    account = {"name": "default", "namespace": metadata["name"]}
    server.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    return str(metadata["name"])


@pytest.mark.parametrize("wish", WISHES)
def test_objects_in_a_file_are_taken_whole(server: Kubernetes, wish: str) -> None:
    objects = written(wish)
    for item in objects:
        server.apply(item)
        assert find_lost(item, server.read(item)) == []
    kinds = [item["kind"] for item in objects]
    assert kinds == ["Namespace", "ConfigMap", "Service", "Deployment"]


@pytest.mark.parametrize("wish", WISHES)
def test_objects_for_a_cluster_are_those_of_the_file_and_the_key(
    server: Kubernetes, wish: str
) -> None:
    by_kind = {str(item["kind"]): item for item in registered(wish)}  # registered in any order
    secret = by_kind.pop("Secret")
    expected = written(wish)
    assert by_kind == {str(item["kind"]): item for item in expected}
    assert secret["stringData"] == {"cache-signing.key": SIGNING_KEY}
    for item in (*expected, secret):
        server.apply(item)


@pytest.mark.parametrize("wish", WISHES)
def test_the_pod_is_let_in_by_its_own_namespace(server: Kubernetes, wish: str) -> None:
    objects = written(wish)
    namespace = prepare(server, objects[0])
    server.create(pod_of(objects, namespace), dry_run=True)


def test_only_a_factory_before_v1_asks_for_privileges(server: Kubernetes) -> None:
    metadata = {
        "name": "restricted",
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
    }
    namespace = prepare(server, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    for wish in ("plain", "whole"):
        server.create(pod_of(written(wish), namespace), dry_run=True)
    with pytest.raises(RefusedError, match=r"^403: .*violates PodSecurity \"restricted"):
        server.create(pod_of(written("flags"), namespace), dry_run=True)


def test_a_changed_configuration_is_another_pod() -> None:
    """By the ConfigMap's name; and the file in it is what the factory reads."""
    before, after = written("plain"), written("whole")
    names = []
    for objects in (before, after):
        [held] = [item for item in objects if item["kind"] == "ConfigMap"]
        names.append(held["metadata"]["name"])  # type: ignore[index]
        data = held["data"]
        assert isinstance(data, dict)
        assert yaml.safe_load(data["config.yaml"])["metrics"] == {"addr": ":2122"}
        volumes = pod_of(objects, "any")["spec"]["volumes"]  # type: ignore[index]
        assert volumes[0] == {"name": "config", "configMap": {"name": names[-1]}}
    assert names[0] != names[1]
