"""The schematic that a server class of the site stands for. Equal schematics are one.

Which release of the factory is meant, and so how its text is written: the site's own where it has
one, else the one `lock` asks.
"""

from __future__ import annotations

from airgap.schematic import Overlay, Schematic, SecureBoot, schematic_for
from airgap.site.model import ServerClass, Site

__all__ = ["class_schematic", "factory_release", "made_classes"]


def class_schematic(item: ServerClass) -> Schematic:
    """Return the schematic of a server class, its lists in the author's order.

    `secureBoot` alone is another kind of installer and no part of the schematic; what it says of
    keys and certificates is.
    """
    return schematic_for(
        extensions=item.extensions,
        extra_kernel_args=item.extra_kernel_args,
        overlay=_overlay(item),
        meta=[(value.key, value.value) for value in item.meta],
        bootloader=item.bootloader or "none",
        secure_boot=_secure_boot(item),
    )


def _overlay(item: ServerClass) -> Overlay:
    wish = item.overlay
    if wish is None:
        return Overlay()
    return Overlay(image=wish.image, name=wish.name, options=dict(wish.options))


def _secure_boot(item: ServerClass) -> SecureBoot:
    wish = item.secure_boot
    if wish is None:
        return SecureBoot()
    return SecureBoot(
        enroll_keys=wish.enroll_keys or "",
        include_well_known_certificates=wish.include_well_known_certificates,
    )


def made_classes(site: Site) -> tuple[ServerClass, ...]:
    """Return the classes that some factory makes something of, here or for `lock`, by name."""
    booted = {environment.schematic_of for environment in site.environments}
    factory = site.image_factory
    every = factory.kind != "none" or factory.installer == "mirrored"
    made = (
        item for item in site.server_classes if every or item.name in booted or item.boot_assets
    )
    return tuple(sorted(made, key=lambda item: item.name))


def factory_release(site: Site) -> str | None:
    """Return the release of the factory whose IDs count; None when nobody says: the newest known.

    The site's own stands before upstream's: its machines ask it by those IDs.
    """
    upstream = site.upstream.factory
    return site.image_factory.version or (upstream.version if upstream else None)
