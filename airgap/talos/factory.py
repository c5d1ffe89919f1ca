"""What an Image Factory makes for a machine to boot: names, keys of the lock, public URLs.

Names: siderolabs/image-factory v1.5.0 `internal/profile`; they are not those of a release.
"""

from __future__ import annotations

__all__ = [
    "FACTORY_HOST",
    "FACTORY_URL",
    "cmdline_name",
    "factory_asset_key",
    "factory_asset_url",
    "factory_kernel_name",
]

FACTORY_HOST = "factory.talos.dev"
"""The public factory's host: what upstream's installers are named by, whatever was asked."""

FACTORY_URL = f"https://{FACTORY_HOST}"


def factory_kernel_name(architecture: str) -> str:
    """Return the kernel's file name (`kernel-amd64`); the initramfs is called as a release's."""
    return f"kernel-{architecture}"


def cmdline_name(architecture: str) -> str:
    """Return the name of the kernel arguments of bare metal (`cmdline-metal-amd64`)."""
    return f"cmdline-metal-{architecture}"


def factory_asset_key(talos: str, schematic: str, name: str) -> str:
    """Return what the lock calls a boot asset: `<version>/<schematic ID>/<file>`."""
    return f"{talos}/{schematic}/{name}"


def factory_asset_url(talos: str, schematic: str, name: str) -> str:
    """Return a boot asset's public origin, whatever factory was asked in its place."""
    return f"{FACTORY_URL}/image/{schematic}/{talos}/{name}"
