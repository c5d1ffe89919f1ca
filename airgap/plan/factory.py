"""The ImageFactory component: schematics by server class, registered with the site's factory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import yaml

from airgap.lock.model import Lock
from airgap.plan.model import ComponentPlan, PlainValues, ResourcePlan
from airgap.plan.trust import fingerprint
from airgap.site.model import ImageFactory, Site

__all__ = ["plan_image_factory", "schematic_id_of"]


def plan_image_factory(site: Site, lock: Lock, policy: PlainValues) -> ComponentPlan:
    """Return the factory; without one it has no schematics and no children."""
    factory = site.image_factory
    schematics = dict(_schematics(site, lock))
    inputs = {
        "kind": factory.kind,
        **{
            key: value
            for key, value in (
                ("endpoint", factory.endpoint),
                ("version", factory.version),
                ("registry", factory.registry),
                ("caFingerprint", fingerprint(factory.ca) if factory.ca else None),
            )
            if value
        },
        "schematics": schematics,
        "policy": policy,
    }
    children = tuple(_registration(factory, name, item) for name, item in schematics.items())
    return ComponentPlan(
        kind="ImageFactory", name="image-factory", inputs=inputs, children=children
    )


def schematic_id_of(site: Site, lock: Lock, server_class: str) -> str | None:
    """Return the schematic that a class is installed from; none where there is no factory."""
    if site.image_factory.kind == "none":
        return None
    for identifier, pin in lock.schematics.items():
        if server_class in pin.classes:
            return identifier
    return None


def _schematics(site: Site, lock: Lock) -> Iterator[tuple[str, PlainValues]]:
    for server_class in sorted(item.name for item in site.server_classes):
        identifier = schematic_id_of(site, lock, server_class)
        if identifier is not None:
            content: object = yaml.safe_load(lock.schematics[identifier].canonical)
            yield server_class, {"id": identifier, "schematic": content}


def _registration(factory: ImageFactory, server_class: str, item: PlainValues) -> ResourcePlan:
    place: Mapping[str, str | None] = {
        "endpoint": factory.endpoint,
        "version": factory.version,
        "ca": factory.ca,
    }
    inputs = {
        "factory": {key: value for key, value in place.items() if value},
        "serverClass": server_class,
        "schematic": item["schematic"],
        "schematicId": item["id"],
    }
    return ResourcePlan(kind="Schematic", name=f"schematic-{server_class}", inputs=inputs)
