"""The SideroEnvironment component: environments, server classes, and how they are delivered."""

from __future__ import annotations

from airgap.lock.model import Lock
from airgap.plan.environments import object_name, plan_environments
from airgap.plan.mirrors import Mirrors
from airgap.plan.model import ComponentPlan, PlainValues, ResourcePlan, output_directory
from airgap.plan.objects import plan_objects
from airgap.plan.server_classes import ClassPlan, plan_server_classes
from airgap.plan.trust import fingerprint
from airgap.site.model import Site

__all__ = ["plan_sidero"]

_FOLDERS = {"Environment": "environments", "ServerClass": "server-classes"}
_PREFIXES = {"Environment": "environment-", "ServerClass": "server-class-"}


def plan_sidero(
    site: Site, lock: Lock, mirrors: Mirrors, policy: PlainValues, *, name: str
) -> ComponentPlan:
    """Return Sidero's objects as files, or as objects of the cluster.

    For running nodes, which a ServerClass no longer reaches, the same configuration is written as
    a patch for `talosctl patch mc` in either delivery.
    """
    environments = plan_environments(site, lock, mirrors)
    classes = plan_server_classes(site, lock, mirrors)
    objects = plan_objects(site, environments, classes)
    delivered = objects if site.sidero.delivery == "cluster" else _manifests(name, objects)
    return ComponentPlan(
        kind="SideroEnvironment",
        name="sidero",
        inputs=_inputs(site, environments, classes, policy),
        children=(*delivered, *_machine_config_files(name, classes)),
    )


def _inputs(
    site: Site,
    environments: dict[str, PlainValues],
    classes: dict[str, ClassPlan],
    policy: PlainValues,
) -> PlainValues:
    return {
        "version": site.sidero.version,
        "flavour": site.sidero.flavour,
        "delivery": site.sidero.delivery,
        "namespace": site.sidero.namespace,
        "environments": {
            name: {"object": object_name(name, values), **_fork_view(values)}
            for name, values in environments.items()
        },
        "serverClasses": {name: plan.to_view() for name, plan in classes.items()},
        "nodes": site.nodes.model_dump(mode="json", by_alias=True, exclude_none=True),
        "policy": policy,
    }


def _fork_view(values: PlainValues) -> PlainValues:
    """Return an environment whose mirrors show their CA by fingerprint."""
    air_gap = values.get("airGap")
    if not isinstance(air_gap, dict):
        return values
    mirrors = {host: _mirror_view(item) for host, item in air_gap["registryMirrors"].items()}
    return {**values, "airGap": {**air_gap, "registryMirrors": mirrors}}


def _mirror_view(mirror: dict[str, object]) -> PlainValues:
    plain = {key: value for key, value in mirror.items() if key != "caCert"}
    ca = mirror.get("caCert")
    return {**plain, "caFingerprint": fingerprint(ca)} if isinstance(ca, str) else plain


def _manifests(name: str, objects: tuple[ResourcePlan, ...]) -> tuple[ResourcePlan, ...]:
    """Return the objects as one set of files; a Secret is never written."""
    files = {_path(item): {"documents": [item.inputs]} for item in objects if item.kind in _FOLDERS}
    return (_files("sidero", name, files),) if files else ()


def _path(item: ResourcePlan) -> str:
    """Return a file by the author's name, which stays when an Environment's own name changes."""
    file = item.name.removeprefix(_PREFIXES[item.kind])
    return f"{_FOLDERS[item.kind]}/{file}.yaml"


def _machine_config_files(name: str, classes: dict[str, ClassPlan]) -> tuple[ResourcePlan, ...]:
    files = {
        f"machine-config/{server_class}.patch.yaml": {"documents": plan.machine_config.to_patch()}
        for server_class, plan in classes.items()
    }
    return (_files("machine-config", name, files),) if files else ()


def _files(set_name: str, site_name: str, files: PlainValues) -> ResourcePlan:
    inputs = {"set": set_name, "directory": output_directory(site_name), "files": files}
    return ResourcePlan(kind="ManifestFiles", name=f"manifests-{set_name}", inputs=inputs)
