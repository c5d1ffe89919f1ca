"""Images in pods, wherever a kind carries them (core/v1 PodSpec, Kubernetes v1.34)."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.workloads.manifests import DIGEST, images_of, scanned

__all__: list[str] = []

POD = {
    "initContainers": [{"name": "prepare", "image": "busybox:1.36.1"}],
    "containers": [{"name": "web", "image": "ghcr.io/example/web:2.0"}],
    "ephemeralContainers": [{"name": "debug", "image": "quay.io/example/debug:1"}],
}
IMAGES = {
    "docker.io/library/busybox:1.36.1": "initContainers[0].image",
    "ghcr.io/example/web:2.0": "containers[0].image",
    "quay.io/example/debug:1": "ephemeralContainers[0].image",
}


def _nested(path: str) -> dict[str, object]:
    tree: dict[str, object] = dict(POD)
    for key in reversed(path.split(".")):
        tree = {key: tree}
    return tree


# where each kind's API has its pod spec
CARRIERS = [
    ("v1", "Pod", "spec"),
    ("v1", "ReplicationController", "spec.template.spec"),
    ("v1", "PodTemplate", "template.spec"),
    ("apps/v1", "Deployment", "spec.template.spec"),
    ("apps/v1", "StatefulSet", "spec.template.spec"),
    ("apps/v1", "DaemonSet", "spec.template.spec"),
    ("apps/v1", "ReplicaSet", "spec.template.spec"),
    ("batch/v1", "Job", "spec.template.spec"),
    ("batch/v1", "CronJob", "spec.jobTemplate.spec.template.spec"),
    ("serving.knative.dev/v1", "Service", "spec.template.spec"),
    ("argoproj.io/v1alpha1", "Rollout", "spec.template.spec"),
    ("apps.kruise.io/v1alpha1", "CloneSet", "spec.template.spec"),
    ("example.org/v1", "NobodyKnowsIt", "spec.workers.shape"),
]


@pytest.mark.parametrize(("version", "kind", "path"), CARRIERS)
def test_every_container_of_a_pod_is_found_in_any_kind(version: str, kind: str, path: str) -> None:
    document = {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}, **_nested(path)}
    chain = f"web.yaml → {kind} web → {path}."

    assert images_of(yaml.safe_dump(document)) == {
        image: (chain + place,) for image, place in IMAGES.items()
    }


def test_a_list_is_its_items_also_where_they_do_not_repeat_their_kind() -> None:
    pod = {"metadata": {"name": "a", "namespace": "shop"}, "spec": POD}
    typed = {"apiVersion": "v1", "kind": "PodList", "items": [pod]}
    whole = {"apiVersion": "v1", "kind": "List", "items": [{"kind": "Pod", **pod}, typed]}

    assert images_of(json.dumps(whole)) == {
        image: (f"web.yaml → Pod shop/a → spec.{place}",) for image, place in IMAGES.items()
    }


def test_an_image_volume_is_an_image() -> None:
    # KEP-4639, spec.volumes[].image.reference
    text = """
      apiVersion: v1
      kind: Pod
      metadata: {generateName: model-}
      spec: {volumes: [{name: weights, image: {reference: "quay.io/models/small:1"}}]}
    """
    assert images_of(text) == {
        "quay.io/models/small:1": ("web.yaml → Pod model-* → spec.volumes[0].image.reference",)
    }


@pytest.mark.parametrize(
    ("written", "complete"),
    [
        ("nginx:1.27.3", "docker.io/library/nginx:1.27.3"),
        ("bitnami/redis:7.4", "docker.io/bitnami/redis:7.4"),
        ("index.docker.io/library/nginx:1", "docker.io/library/nginx:1"),
        ("localhost:5000/a:1", "localhost:5000/a:1"),
        (f"quay.io/a/b@{DIGEST}", f"quay.io/a/b@{DIGEST}"),
        (f"quay.io/a/b:v1@{DIGEST}", f"quay.io/a/b:v1@{DIGEST}"),
        ("nginx:1.20", "docker.io/library/nginx:1.20"),
    ],
)
def test_names_are_completed_as_every_client_does(written: str, complete: str) -> None:
    pod = f"kind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{image: '{written}'}}]}}"
    assert list(images_of(pod)) == [complete]


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: controller, namespace: system}
spec:
  template:
    spec:
      containers:
        - name: manager
          args: %s
          env: %s
"""


@pytest.mark.parametrize(
    ("arguments", "image"),
    [
        # cert-manager v1.18, prometheus-operator v0.86, longhorn v1.10 as their charts render them
        (
            ["--acme-http01-solver-image=quay.io/jetstack/cert-manager-acmesolver:v1.18.2"],
            "quay.io/jetstack/cert-manager-acmesolver:v1.18.2",
        ),
        (
            ["--prometheus-config-reloader=quay.io/prometheus-operator/reloader:v0.86.1"],
            "quay.io/prometheus-operator/reloader:v0.86.1",
        ),
        (
            ["longhorn-manager", "--engine-image", "longhornio/longhorn-engine:v1.10.0", "-d"],
            "docker.io/longhornio/longhorn-engine:v1.10.0",
        ),
    ],
)
def test_an_image_that_a_controller_is_told_of_is_found(arguments: list[str], image: str) -> None:
    assert list(images_of(DEPLOYMENT % (json.dumps(arguments), "[]"))) == [image]


def test_images_in_variables_are_found_one_by_one() -> None:
    variables = [
        {"name": "RELATED_IMAGE_PROXY", "value": "quay.io/example/proxy:1"},
        # as Strimzi's operator has it
        {"name": "STRIMZI_KAFKA_IMAGES", "value": "4.0.0=quay.io/k:a-4.0\n4.1.0=quay.io/k:a-4.1\n"},
        {"name": "IMAGE_PULL_POLICY", "value": "Always"},
        {"name": "IMAGE_REGISTRY", "value": "registry.example:5000"},
        {"name": "ENDPOINT", "value": "host.example/path:1"},
    ]
    assert list(images_of(DEPLOYMENT % ("[]", json.dumps(variables)))) == [
        "quay.io/example/proxy:1",
        "quay.io/k:a-4.0",
        "quay.io/k:a-4.1",
    ]


def test_a_config_maps_value_that_is_an_image_is_found() -> None:
    # knative serving's config-deployment
    text = f"""
      kind: ConfigMap
      metadata: {{name: config-deployment}}
      data:
        queue-sidecar-image: gcr.io/knative-releases/queue@{DIGEST}
        digest-resolution-timeout: 10s
        images.txt: see quay.io/a/b:1 for more
    """
    chain = "web.yaml → ConfigMap config-deployment → data.queue-sidecar-image"
    assert images_of(text) == {f"gcr.io/knative-releases/queue@{DIGEST}": (chain,)}


def test_a_place_is_told_once_and_an_image_with_all_its_places() -> None:
    text = yaml.safe_dump_all(
        {"kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"image": "a:1"}]}}
        for name in ("one", "two")
    )
    assert scanned(text).images == {
        "docker.io/library/a:1": (
            "web.yaml → Pod one → spec.containers[0].image",
            "web.yaml → Pod two → spec.containers[0].image",
        )
    }
