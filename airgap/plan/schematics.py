"""Which schematic a server class stands for, and how its machines get their installer image."""

from __future__ import annotations

from typing import Literal

from airgap.errors import Fault, LockError
from airgap.lock.model import Lock
from airgap.plan.hosts import host_of
from airgap.plan.model import PlainValues
from airgap.site.model import ServerClass, Site
from airgap.talos import FACTORY_HOST, factory_installer, installer_image

__all__ = ["InstallerWay", "find_schematic", "installer_way", "plan_installer", "schematic_id_of"]

InstallerWay = Literal["builtOnSite", "mirrored"]
_RELOCK = "run: python -m airgap lock <site>"


def schematic_id_of(lock: Lock, server_class: str) -> str | None:
    """Return a class' schematic by ID; None where the lock has none of it."""
    for identifier, pin in lock.schematics.items():
        if server_class in pin.classes:
            return identifier
    return None


def find_schematic(lock: Lock, server_class: str) -> str:
    """Return a class' schematic by ID.

    Raises:
        LockError: The lock has none of it.
    """
    identifier = schematic_id_of(lock, server_class)
    if identifier is None:
        message = f"has no schematic of server class {server_class}"
        raise LockError("lock", [Fault(path="schematics", message=message)], hint=_RELOCK)
    return identifier


def installer_way(site: Site) -> InstallerWay | None:
    """Return how installers of server classes with a schematic come about; None: in no way."""
    factory = site.image_factory
    if factory.installer == "mirrored":
        return "mirrored"
    return "builtOnSite" if factory.kind != "none" and factory.endpoint else None


def plan_installer(site: Site, lock: Lock, wish: ServerClass, talos: str) -> PlainValues:
    """Return a class' installer image.

    Made by the site's factory when it is pulled (marked so, for it has no digest yet); made by
    upstream's and carried, by its public name, which the machines' mirrors know; or Talos' own.

    Raises:
        LockError: The lock lacks the image.
    """
    way = installer_way(site)
    schematic = schematic_id_of(lock, wish.name) if way else None
    if way == "builtOnSite" and schematic:
        mark = {"schematicId": schematic, "version": talos}
        image = _made(wish, talos, schematic, host_of(site.image_factory.endpoint or ""))
        return {"image": image, "builtOnSite": mark}
    if way == "mirrored" and schematic:
        image = _made(wish, talos, schematic, FACTORY_HOST)
        return _pinned(lock, image, wish.name, f"installer of schematic {schematic[:8]}…")
    return _pinned(lock, installer_image(talos), wish.name, f"installer of Talos {talos}")


def _made(wish: ServerClass, talos: str, schematic: str, host: str) -> str:
    secure_boot = wish.secure_boot is not None
    return factory_installer(talos, host=host, schematic=schematic, secure_boot=secure_boot)


def _pinned(lock: Lock, image: str, server_class: str, what: str) -> PlainValues:
    if image not in lock.images:
        message = f"is not in the lock, and named by server class {server_class} → {what}"
        raise LockError("lock", [Fault(path=f"images.{image}", message=message)], hint=_RELOCK)
    return {"image": image, "digest": lock.images[image].digest}
