"""Sidero ServerClasses: which machines boot what, and what their machine configuration gains."""

from __future__ import annotations

from dataclasses import dataclass

from airgap.errors import Fault, LockError
from airgap.lock.model import Lock
from airgap.plan.factory import schematic_id_of
from airgap.plan.hosts import host_of
from airgap.plan.machine import MachineConfig, plan_machine_config
from airgap.plan.mirrors import Mirrors
from airgap.plan.model import PlainValues
from airgap.site.model import ServerClass, Site
from airgap.talos import Dialect, config_dialect, factory_installer, installer_image

__all__ = ["ClassPlan", "plan_server_classes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPlan:
    """A server class: the author's wish, the Talos release, the installer, the configuration."""

    wish: ServerClass
    talos: str
    dialect: Dialect
    installer: PlainValues
    machine_config: MachineConfig

    def to_view(self) -> PlainValues:
        """Return the class for people and rules."""
        return {
            "environment": self.wish.environment,
            "talos": self.talos,
            "installer": self.installer,
            "qualifiers": self.wish.qualifiers,
            "selector": self.wish.selector,
            "machineConfig": self.machine_config.to_view(),
        }


def plan_server_classes(site: Site, lock: Lock, mirrors: Mirrors) -> dict[str, ClassPlan]:
    """Return the server classes by name, sorted."""
    releases = {item.name: item.talos for item in site.environments}
    wishes = {item.name: item for item in site.server_classes}
    return {
        name: _server_class(site, lock, mirrors, wishes[name], releases[wishes[name].environment])
        for name in sorted(wishes)
    }


def _server_class(
    site: Site, lock: Lock, mirrors: Mirrors, wish: ServerClass, talos: str
) -> ClassPlan:
    installer = _installer(site, lock, wish.name, talos)
    dialect = config_dialect(talos, sidero=site.sidero.version)
    return ClassPlan(
        wish=wish,
        talos=talos,
        dialect=dialect,
        installer=installer,
        machine_config=plan_machine_config(
            site, mirrors, installer=str(installer["image"]), dialect=dialect
        ),
    )


def _installer(site: Site, lock: Lock, server_class: str, talos: str) -> PlainValues:
    """Return the factory's installer where the class has a schematic, else Talos' own by digest."""
    schematic = schematic_id_of(site, lock, server_class)
    if schematic is None or site.image_factory.endpoint is None:
        image = installer_image(talos)
        by = f"server class {server_class} → installer of Talos {talos}"
        return {"image": image, "digest": _digest(lock, image, by)}
    host = host_of(site.image_factory.endpoint)
    return {
        "image": factory_installer(talos, host=host, schematic=schematic),
        "builtOnSite": {"schematicId": schematic, "version": talos},
    }


def _digest(lock: Lock, image: str, by: str) -> str:
    if image not in lock.images:
        fault = Fault(path=f"images.{image}", message=f"is not in the lock, and named by {by}")
        raise LockError("lock", [fault], hint="run: python -m airgap lock <site>")
    return lock.images[image].digest
