"""The SideroEnvironment component: environments, server classes, and how they are delivered."""

from __future__ import annotations

from airgap.lock.model import Lock
from airgap.plan.controller_trust import plan_trust_files, plan_trust_objects, trust_view
from airgap.plan.environments import plan_environments
from airgap.plan.mirrors import Mirrors
from airgap.plan.model import ComponentPlan, PlainValues, ResourcePlan, manifest_files
from airgap.plan.objects import plan_objects
from airgap.plan.running import plan_node_files
from airgap.plan.server_classes import ClassPlan, plan_server_classes
from airgap.plan.steps import DEFAULT_PATCH, apply_script
from airgap.plan.trust import fingerprint
from airgap.sidero import definition, definition_name
from airgap.site.model import Site

__all__ = ["plan_sidero"]

_FOLDERS = {"Environment": "environments", "ServerClass": "server-classes"}
_PREFIXES = {"Environment": "environment-", "ServerClass": "server-class-"}
_FORKED = "Environment"
"""The only kind whose definition the fork changes."""


def plan_sidero(
    site: Site, lock: Lock, mirrors: Mirrors, policy: PlainValues, *, name: str
) -> ComponentPlan:
    """Return Sidero's objects as files, or as objects of the cluster.

    What they never reach, machines that run, gets its files in either delivery; and so does whoever
    installs Sidero: deleting a definition would delete every object of its kind.

    Raises:
        SiteError: An object has what the CRDs of the site's flavour do not keep.
    """
    environments = plan_environments(site, lock, mirrors)
    classes = plan_server_classes(site, lock, mirrors)
    objects = plan_objects(site, mirrors, environments, classes)
    delivered = (
        (*plan_trust_objects(site), *objects)
        if site.sidero.delivery == "cluster"
        else (*plan_trust_files(site, name=name), *_manifests(site, name, objects))
    )
    return ComponentPlan(
        kind="SideroEnvironment",
        name="sidero",
        inputs=_inputs(site, environments, classes, policy),
        children=(
            *_definitions(site, name),
            *delivered,
            *plan_node_files(site, mirrors, classes, name=name),
        ),
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
        **trust_view(site),
        "environments": {name: _fork_view(values) for name, values in environments.items()},
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


def _definitions(site: Site, name: str) -> tuple[ResourcePlan, ...]:
    """Return the definition that the fork's fields need; stock Sidero brings its own."""
    if site.sidero.flavour != "airgap":
        return ()
    document = definition(_FORKED, flavour="airgap", namespace=site.sidero.namespace)
    files = {f"crds/{definition_name(_FORKED)}.yaml": {"documents": [document]}}
    return (manifest_files("crds", name, files),)


def _manifests(
    site: Site, name: str, objects: tuple[ResourcePlan, ...]
) -> tuple[ResourcePlan, ...]:
    """Return the objects as one set of files; a Secret is never written."""
    files = dict(_file(item) for item in objects if item.kind in _FOLDERS)
    if not files:
        return ()
    files["apply.sh"] = {"lines": apply_script(site, name=name)}
    return (manifest_files("sidero", name, files),)


def _file(item: ResourcePlan) -> tuple[str, PlainValues]:
    """Return a file by the author's name, which stays when an Environment's own name changes.

    Of an object that something else makes there is a merge patch: as an object, it would be created
    before its time, and pruned with the others.
    """
    if item.patched:
        return DEFAULT_PATCH, {"documents": [{"spec": item.inputs["spec"]}]}
    file = item.name.removeprefix(_PREFIXES[item.kind])
    return f"{_FOLDERS[item.kind]}/{file}.yaml", {"documents": [item.inputs]}
