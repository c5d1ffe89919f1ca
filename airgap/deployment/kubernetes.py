"""A factory as plain Kubernetes objects: Namespace, ConfigMap, Service, Deployment.

Secrets are named and never written. The pod is `airgap.deployment.pod`'s.
"""

from __future__ import annotations

from airgap.deployment.configuration import configuration_files, files_digest
from airgap.deployment.model import FactoryDeployment
from airgap.deployment.pod import NAME, Object, pod

__all__ = [
    "config_map",
    "deployment",
    "kubernetes_objects",
    "namespace",
    "service",
    "signing_key_secret",
]

_LABELS = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "sidero-airgap"}
_SELECTED = {"app.kubernetes.io/name": NAME}
_WHY_PRIVILEGED = "releases before v1.0 mount loop devices to build ISOs and disk images"
_NOT_AWAITED = {"pulumi.com/skipAwait": "true"}
"""`up` needs no factory that runs: its registry may still be filled by the same run."""


def kubernetes_objects(factory: FactoryDeployment, *, with_namespace: bool = True) -> list[Object]:
    """Return the objects in the order they need each other; no Secret is among them.

    Args:
        factory: Which.
        with_namespace: Without where the namespace is somebody else's.
    """
    above = [namespace(factory)] if with_namespace else []
    held = config_map(factory)
    return [*above, *([held] if held else []), service(factory), deployment(factory)]


def namespace(factory: FactoryDeployment) -> Object:
    """Return its namespace, whose pods may do no more than the factory needs."""
    level = "restricted" if factory.by_file else "privileged"
    labels = {**_LABELS, "pod-security.kubernetes.io/enforce": level}
    metadata = {"name": factory.wish.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def config_map(factory: FactoryDeployment) -> Object | None:
    """Return its files; None where there are none (flags, no private CA, no key).

    `config.yaml` is structured here and a text in the object. The name carries the content: another
    configuration is another pod.
    """
    data = configuration_files(factory)
    if not data:
        return None
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(factory, _config_name(factory)),
        "data": data,
    }


def signing_key_secret(factory: FactoryDeployment) -> Object:
    """Return the Secret of its signing key without the key (`stringData` by SIGNING_KEY_NAME)."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(factory, factory.wish.signing_key_secret_ref),
        "type": "Opaque",
    }


def service(factory: FactoryDeployment) -> Object:
    """Return its Service at the endpoint's port; metrics are asked of the pod itself."""
    ports = [{"name": "factory", "port": factory.port, "targetPort": "factory"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(factory, NAME),
        "spec": {"type": factory.wish.service, "selector": _SELECTED, "ports": ports},
    }


def deployment(factory: FactoryDeployment) -> Object:
    """Return its Deployment: one pod, and the old one ends before the new one begins."""
    why = {} if factory.by_file else {"sidero-airgap/privileged": _WHY_PRIVILEGED}
    metadata = _metadata(factory, NAME)
    spec = pod(factory, config=_config_name(factory) if configuration_files(factory) else None)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**metadata, "annotations": {**_NOT_AWAITED, **why}},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _SELECTED},
            "template": {"metadata": {"labels": _LABELS}, "spec": spec},
        },
    }


def _metadata(factory: FactoryDeployment, name: str) -> Object:
    return {"name": name, "namespace": factory.wish.namespace, "labels": _LABELS}


def _config_name(factory: FactoryDeployment) -> str:
    return f"{NAME}-{files_digest(factory).removeprefix('sha256:')[:8]}"
