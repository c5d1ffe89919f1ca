"""Sidero's custom resources and what stands beside them, as Kubernetes objects.

CRDs of Sidero v0.6.13, `metal.sidero.dev/v1alpha2`: Environment and ServerClass, cluster-scoped.
"""

from __future__ import annotations

from airgap.plan.environments import DEFAULT, object_name, part
from airgap.plan.model import PlainValues, ResourcePlan
from airgap.plan.server_classes import ClassPlan
from airgap.site.model import Site

__all__ = [
    "CREDENTIALS_SECRET",
    "environment_object",
    "needs_credentials",
    "plan_objects",
    "secret_object",
    "server_class_object",
]

CREDENTIALS_SECRET = "airgap-registry-credentials"  # noqa: S105 - the name of a Secret
_API = "metal.sidero.dev/v1alpha2"
_SECRET_ANNOTATION = "sidero-airgap/registry-credentials"  # noqa: S105 - an annotation's key


def needs_credentials(site: Site) -> bool:
    """Tell whether nodes are given registry credentials."""
    return site.registry.node_auth == "machineConfig"


def secret_object(site: Site) -> dict[str, object]:
    """Return the credentials' Secret without its data (Kubernetes: Secret types)."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": CREDENTIALS_SECRET, "namespace": site.sidero.namespace},
        "type": "kubernetes.io/dockerconfigjson",
    }


def plan_objects(
    site: Site, environments: dict[str, PlainValues], classes: dict[str, ClassPlan]
) -> tuple[ResourcePlan, ...]:
    """Return the objects of a site: the Secret only where nodes are given credentials."""
    return (
        *([_credentials(site)] if needs_credentials(site) else ()),
        *(_environment(name, values) for name, values in environments.items()),
        *(_server_class(site, name, plan, environments) for name, plan in classes.items()),
    )


def environment_object(name: str, values: PlainValues) -> PlainValues:
    """Return an Environment; `airGap` only in the fork's flavour."""
    spec: dict[str, object] = {
        "kernel": {**part(values, "kernel"), "args": values["kernelArgs"]},
        "initrd": values["initrd"],
    }
    if "airGap" in values:
        spec["airGap"] = values["airGap"]
    metadata = {"name": object_name(name, values)}
    return {"apiVersion": _API, "kind": "Environment", "metadata": metadata, "spec": spec}


def server_class_object(
    site: Site, name: str, plan: ClassPlan, environments: dict[str, PlainValues]
) -> PlainValues:
    """Return a ServerClass whose patches are structured; an empty selector is left out."""
    environment = plan.wish.environment
    spec: dict[str, object] = {
        "environmentRef": {"name": object_name(environment, environments[environment])},
        "qualifiers": plan.wish.qualifiers,
    }
    if plan.wish.selector:
        spec["selector"] = plan.wish.selector
    spec["strategicPatches"] = [plan.machine_config.to_patch()]
    metadata: dict[str, object] = {"name": name}
    if needs_credentials(site):
        reference = f"{site.sidero.namespace}/{CREDENTIALS_SECRET}"
        metadata["annotations"] = {_SECRET_ANNOTATION: reference}
    return {"apiVersion": _API, "kind": "ServerClass", "metadata": metadata, "spec": spec}


def _environment(name: str, values: PlainValues) -> ResourcePlan:
    return ResourcePlan(
        kind="Environment",
        name=f"environment-{name}",
        inputs=environment_object(name, values),
        adopted=name == DEFAULT,
    )


def _server_class(
    site: Site, name: str, plan: ClassPlan, environments: dict[str, PlainValues]
) -> ResourcePlan:
    return ResourcePlan(
        kind="ServerClass",
        name=f"server-class-{name}",
        inputs=server_class_object(site, name, plan, environments),
        credentials=plan.dialect if needs_credentials(site) else "none",
        after=(f"environment-{plan.wish.environment}",),
    )


def _credentials(site: Site) -> ResourcePlan:
    """Return the Secret; its namespace is there, made with Sidero's installation."""
    return ResourcePlan(
        kind="Secret",
        name="registry-credentials",
        inputs=secret_object(site),
        credentials="dockerConfig",
    )
