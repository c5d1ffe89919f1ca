"""Sidero's custom resources and what stands beside them, as Kubernetes objects.

`metal.sidero.dev/v1alpha2`: Environment and ServerClass, cluster-scoped. Nothing is emitted that
the CRDs of the site's flavour do not keep (`airgap.sidero`).
"""

from __future__ import annotations

from collections.abc import Sequence

from airgap.errors import SiteError
from airgap.plan.credentials import CREDENTIALS_SECRET, needs_credentials
from airgap.plan.environments import DEFAULT, part
from airgap.plan.mirrors import Mirrors
from airgap.plan.model import PlainValues, ResourcePlan
from airgap.plan.server_classes import ClassPlan
from airgap.sidero import GROUP, VERSION, validate
from airgap.site.model import Site

__all__ = [
    "environment_object",
    "plan_objects",
    "secret_object",
    "server_class_object",
]

_API = f"{GROUP}/{VERSION}"
_FORK = ("bootAsset", "airGap")
_SECRET_ANNOTATION = "sidero-airgap/registry-credentials"  # noqa: S105 - an annotation's key


def secret_object(site: Site) -> dict[str, object]:
    """Return the credentials' Secret without its data (Kubernetes: Secret types)."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": CREDENTIALS_SECRET, "namespace": site.sidero.namespace},
        "type": "kubernetes.io/dockerconfigjson",
    }


def plan_objects(
    site: Site,
    mirrors: Mirrors,
    environments: dict[str, PlainValues],
    classes: dict[str, ClassPlan],
) -> tuple[ResourcePlan, ...]:
    """Return the objects of a site: the Secret only where nodes are given credentials.

    Raises:
        SiteError: An object has what the CRDs of the site's flavour do not keep.
    """
    objects = (
        *(_environment(name, values) for name, values in environments.items()),
        *(
            _server_class(site, name, plan, environments, mirrors.hosts)
            for name, plan in classes.items()
        ),
    )
    for item in objects:
        _check(item, site.sidero.flavour)
    return (*([_credentials(site, mirrors.hosts)] if needs_credentials(site) else ()), *objects)


def environment_object(values: PlainValues) -> PlainValues:
    """Return an Environment; the fork's fields are there in its flavour only."""
    spec: dict[str, object] = {
        "kernel": {**part(values, "kernel"), "args": values["kernelArgs"]},
        "initrd": values["initrd"],
    }
    spec |= {key: values[key] for key in _FORK if key in values}
    metadata = {"name": values["object"]}
    return {"apiVersion": _API, "kind": "Environment", "metadata": metadata, "spec": spec}


def server_class_object(
    site: Site, name: str, plan: ClassPlan, environments: dict[str, PlainValues]
) -> PlainValues:
    """Return a ServerClass whose patches are structured; an empty selector is left out."""
    spec: dict[str, object] = {
        "environmentRef": {"name": environments[plan.wish.environment]["object"]},
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


def _check(item: ResourcePlan, flavour: str) -> None:
    """Refuse an object that the API server would refuse, or silently cut."""
    spec = part(item.inputs, "spec")
    patches = spec.get("strategicPatches")
    if isinstance(patches, Sequence):  # structured here, texts in the object
        spec = {**spec, "strategicPatches": ["" for _ in patches]}
    if faults := validate({**item.inputs, "spec": spec}, flavour=flavour):
        raise SiteError(item.name, faults)


def _environment(name: str, values: PlainValues) -> ResourcePlan:
    return ResourcePlan(
        kind="Environment",
        name=f"environment-{name}",
        inputs=environment_object(values),
        patched=name == DEFAULT,
        adopted=name == DEFAULT,
    )


def _server_class(
    site: Site,
    name: str,
    plan: ClassPlan,
    environments: dict[str, PlainValues],
    hosts: tuple[str, ...],
) -> ResourcePlan:
    return ResourcePlan(
        kind="ServerClass",
        name=f"server-class-{name}",
        inputs=server_class_object(site, name, plan, environments),
        credentials=plan.dialect if needs_credentials(site) else "none",
        hosts=hosts if needs_credentials(site) else (),
        after=(f"environment-{plan.wish.environment}",),
    )


def _credentials(site: Site, hosts: tuple[str, ...]) -> ResourcePlan:
    """Return the Secret; its namespace is there, made with Sidero's installation."""
    return ResourcePlan(
        kind="Secret",
        name="registry-credentials",
        inputs=secret_object(site),
        credentials="dockerConfig",
        hosts=hosts,
    )
