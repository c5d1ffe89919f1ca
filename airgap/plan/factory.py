"""The ImageFactory component: schematics by server class, what a factory reads, how it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

from airgap.deployment import find_places
from airgap.lock.model import Lock
from airgap.plan.artifacts import plan_artifacts
from airgap.plan.deployed import plan_deployed
from airgap.plan.hosts import host_of
from airgap.plan.model import ComponentPlan, PlainValues, ResourcePlan
from airgap.plan.schematics import installer_way, schematic_id_of
from airgap.plan.trust import certificates, fingerprint
from airgap.plan.verification import plan_verification
from airgap.site.model import Site

__all__ = ["plan_image_factory"]


def plan_image_factory(site: Site, lock: Lock, policy: PlainValues, *, name: str) -> ComponentPlan:
    """Return the factory; without one it has no children, and the schematics that `lock` used."""
    factory, written = site.image_factory, site.image_factory.registry
    schematics = dict(_schematics(site, lock))
    known = {
        "endpoint": factory.endpoint,
        "version": factory.version,
        "registry": written.url if written else None,
        "registryCaFingerprint": fingerprint(written.ca) if written and written.ca else None,
        "caFingerprint": fingerprint(factory.ca) if factory.ca else None,
        "installer": installer_way(site),
    }
    deployed = plan_deployed(site, lock, name=name) if factory.kind == "deployed" else None
    inputs = {
        "kind": factory.kind,
        **{key: value for key, value in known.items() if value},
        **(deployed.inputs if deployed else {}),
        **_registry_trust(site),
        **certificates([factory.ca, written.ca if written else None]),
        **_retention(site),
        "schematics": schematics,
        **plan_verification(site, lock),
        "policy": policy,
    }
    return ComponentPlan(
        kind="ImageFactory",
        name="image-factory",
        inputs=inputs,
        children=(
            *_children(site, lock, schematics, name),
            *(deployed.children if deployed else ()),
        ),
    )


def _registry_trust(site: Site) -> PlainValues:
    """Return that the registry a factory writes to is trusted by public CAs alone, where it is.

    Without one of its own the CA of the site's registry there counts, else the factory's.
    """
    written = site.image_factory.registry
    if written is None or written.url.startswith("http://") or written.ca or site.image_factory.ca:
        return {}
    inside = {host_of(endpoint.url).lower() for endpoint in site.registry.endpoints}
    return {} if written.host.lower() in inside else {"registryTrust": "public"}


def _retention(site: Site) -> PlainValues:
    """Return what destroy does with what installers are built of, where they are built here."""
    if installer_way(site) != "builtOnSite":
        return {}
    return {"retention": {"onDelete": site.retention.on_delete}}


def _children(
    site: Site, lock: Lock, schematics: Mapping[str, PlainValues], name: str
) -> Iterator[ResourcePlan]:
    if site.image_factory.kind == "none":
        return
    yield from plan_artifacts(site, lock, name=name)
    for server_class, item in schematics.items():
        yield _registration(site, server_class, item)


def _schematics(site: Site, lock: Lock) -> Iterator[tuple[str, PlainValues]]:
    for server_class in sorted(item.name for item in site.server_classes):
        identifier = schematic_id_of(lock, server_class)
        if identifier is not None:
            content: object = yaml.safe_load(lock.schematics[identifier].canonical)
            yield server_class, {"id": identifier, "schematic": content}


def _registration(site: Site, server_class: str, item: PlainValues) -> ResourcePlan:
    """Return a class' schematic: told to a factory that runs, or put where a deployed one looks."""
    factory = site.image_factory
    inputs: dict[str, object] = {
        "factory": _known(endpoint=factory.endpoint, version=factory.version, ca=factory.ca),
        "serverClass": server_class,
        "schematic": item["schematic"],
        "schematicId": item["id"],
    }
    if factory.kind == "deployed":
        place = find_places(site).schematics
        inputs["registry"] = _known(endpoint=place.endpoint, repository=place.path, ca=place.ca)
    return ResourcePlan(kind="Schematic", name=f"schematic-{server_class}", inputs=inputs)


def _known(**values: str | None) -> PlainValues:
    return {key: value for key, value in values.items() if value}
