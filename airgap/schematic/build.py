"""The schematic that a server class asks for."""

from __future__ import annotations

from collections.abc import Sequence

from airgap.schematic.model import Customization, Schematic, SystemExtensions

__all__ = ["schematic_for"]


def schematic_for(
    *, extensions: Sequence[str] = (), extra_kernel_args: Sequence[str] = ()
) -> Schematic:
    """Return the schematic of these extensions and kernel arguments, in the order given."""
    return Schematic(
        customization=Customization(
            extra_kernel_args=tuple(extra_kernel_args),
            system_extensions=SystemExtensions(official_extensions=tuple(extensions)),
        )
    )
