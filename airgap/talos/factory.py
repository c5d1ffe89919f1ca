"""What an Image Factory makes for a machine to boot: names, keys of the lock, public URLs.

Names: siderolabs/image-factory v1.5.0 `internal/profile`; they are not those of a release.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "FACTORY_HOST",
    "FACTORY_URL",
    "FactoryAsset",
    "cmdline_name",
    "factory_asset_key",
    "factory_asset_url",
    "factory_kernel_name",
    "parse_factory_url",
]

FACTORY_HOST = "factory.talos.dev"
"""The public factory's host: what upstream's installers are named by, whatever was asked."""

FACTORY_URL = f"https://{FACTORY_HOST}"


def factory_kernel_name(architecture: str) -> str:
    """Return the kernel's file name (`kernel-amd64`); the initramfs is called as a release's."""
    return f"kernel-{architecture}"


def cmdline_name(architecture: str) -> str:
    """Return the name of the kernel arguments of bare metal (`cmdline-metal-amd64`).

    Kernel and initramfs are booted with these also by a class that has SecureBoot: only what
    brings its signature along (ISO, disk image, UKI) has a form of its own, by its file name.
    """
    return f"cmdline-metal-{architecture}"


def factory_asset_key(talos: str, schematic: str, name: str) -> str:
    """Return what the lock calls a boot asset: `<version>/<schematic ID>/<file>`."""
    return f"{talos}/{schematic}/{name}"


def factory_asset_url(talos: str, schematic: str, name: str) -> str:
    """Return a boot asset's public origin, whatever factory was asked in its place."""
    return f"{FACTORY_URL}/image/{schematic}/{talos}/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactoryAsset:
    """A boot asset that a factory makes: of a schematic, for a Talos release."""

    talos: str
    schematic: str
    name: str

    @property
    def key(self) -> str:
        """What the lock calls it."""
        return factory_asset_key(self.talos, self.schematic, self.name)

    @property
    def url(self) -> str:
        """Its public origin."""
        return factory_asset_url(self.talos, self.schematic, self.name)


def parse_factory_url(url: str) -> FactoryAsset | None:
    """Return the boot asset whose public origin a URL is; None for every other URL."""
    parts = url.removeprefix(f"{FACTORY_URL}/image/").split("/")
    if not url.startswith(f"{FACTORY_URL}/image/") or len(parts) != 3 or not all(parts):
        return None
    schematic, talos, name = parts
    return FactoryAsset(talos=talos, schematic=schematic, name=name)
