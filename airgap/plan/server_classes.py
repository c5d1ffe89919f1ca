"""Sidero ServerClasses: which machines boot what, and what their machine configuration gains."""

from __future__ import annotations

from dataclasses import dataclass

from airgap.lock.model import Lock
from airgap.plan.machine import MachineConfig, plan_machine_config
from airgap.plan.mirrors import Mirrors
from airgap.plan.model import PlainValues
from airgap.plan.schematics import plan_installer
from airgap.site.model import ServerClass, Site
from airgap.talos import Dialect, config_dialect

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
    installer = plan_installer(site, lock, wish, talos)
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
