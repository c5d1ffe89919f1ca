"""A schematic put together from the parts that differ from a stock release."""

from __future__ import annotations

from collections.abc import Sequence

from airgap.schematic.model import (
    Bootloader,
    Customization,
    MetaValue,
    Overlay,
    Schematic,
    SecureBoot,
    SystemExtensions,
)

__all__ = ["schematic_for"]

_NO_OVERLAY = Overlay()
_NO_KEYS = SecureBoot()


def schematic_for(
    *,
    extensions: Sequence[str] = (),
    extra_kernel_args: Sequence[str] = (),
    overlay: Overlay = _NO_OVERLAY,
    meta: Sequence[tuple[int, str]] = (),
    bootloader: Bootloader = "none",
    secure_boot: SecureBoot = _NO_KEYS,
) -> Schematic:
    """Return the schematic of these parts; lists stand in the order given, `meta` is key, value."""
    return Schematic(
        overlay=overlay,
        customization=Customization(
            extra_kernel_args=tuple(extra_kernel_args),
            meta=tuple(MetaValue(key=key, value=value) for key, value in meta),
            system_extensions=SystemExtensions(official_extensions=tuple(extensions)),
            bootloader=bootloader,
            secureboot=secure_boot,
        ),
    )
