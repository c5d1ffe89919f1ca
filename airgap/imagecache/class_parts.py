"""What a server class asks for beyond a stock release, as parts of a profile of Talos' imager.

As an Image Factory puts it there (siderolabs/image-factory v1.5.0 `internal/profile`), from images
that the lock pins; field names: siderolabs/talos pkg/imager/profile at v1.11.5. What a factory has
keys for, or a version of its own, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airgap.errors import AirgapError
from airgap.lock.model import Lock
from airgap.site.model import ServerClass

__all__ = ["ClassParts", "asked_beyond_stock", "class_parts"]

_NOT_MADE = ("bootloader", "secureBoot")

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassParts:
    """Parts of a profile; of a stock release there are none."""

    customization: Values = field(default_factory=dict)
    overlay: Values = field(default_factory=dict)
    extensions: tuple[Values, ...] = ()


def asked_beyond_stock(wish: ServerClass) -> tuple[str, ...]:
    """Return what a class asks for, as the site calls it."""
    asked = {
        "extensions": wish.extensions,
        "extraKernelArgs": wish.extra_kernel_args,
        "overlay": wish.overlay,
        "meta": wish.meta,
        "bootloader": wish.bootloader,
        "secureBoot": wish.secure_boot,
    }
    return tuple(name for name, value in asked.items() if value)


def class_parts(wish: ServerClass, lock: Lock, talos: str) -> ClassParts:
    """Return what a class asks for of a release.

    Raises:
        AirgapError: It asks for what cannot be made here, or the lock lacks an image.
    """
    if unmade := [name for name in asked_beyond_stock(wish) if name in _NOT_MADE]:
        raise AirgapError(
            f"server class {wish.name}: no profile is made for {' and '.join(unmade)}",
            hint="signing keys and boot loaders are an Image Factory's: boot what it makes, and "
            "give the cache as a medium",
        )
    carried = lock.extensions.get(talos, {})
    return ClassParts(
        customization=_customization(wish),
        overlay=_overlay(wish, lock, talos),
        extensions=tuple(_image(wish, carried, name, talos) for name in wish.extensions),
    )


def _customization(wish: ServerClass) -> Values:
    parts: dict[str, object] = {}
    if wish.extra_kernel_args:
        parts["extraKernelArgs"] = list(wish.extra_kernel_args)
    if wish.meta:
        parts["metaContents"] = [{"key": each.key, "value": each.value} for each in wish.meta]
    return parts


def _overlay(wish: ServerClass, lock: Lock, talos: str) -> Values:
    if wish.overlay is None:
        return {}
    name, options = wish.overlay.name, dict(wish.overlay.options)
    image = _image(wish, (lock.overlays or {}).get(talos, {}), name, talos)
    return {"name": name, "image": image, **({"options": options} if options else {})}


def _image(wish: ServerClass, carried: Mapping[str, str], name: str, talos: str) -> Values:
    if name not in carried:
        raise AirgapError(
            f"server class {wish.name}: the lock has no image of {name} for Talos {talos}",
            hint="it has those of classes that a factory makes something of: see imageFactory",
        )
    return {"imageRef": carried[name]}
