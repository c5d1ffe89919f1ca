"""What an asset's name asks of an Image Factory: `metal-arm64-secureboot.raw.xz` and the like.

Image Factory v1.0.3 to v1.5.0, `internal/profile`: names are read by prefix and suffix; a platform
is any text before the architecture, and is looked at no sooner than at the build.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.refusals import RefusedError, doing

__all__ = ["ARCHITECTURES", "Profile", "parse_profile"]

Kind = Literal["kernel", "cmdline", "initramfs", "iso", "uki", "installer", "image"]

ARCHITECTURES = ("amd64", "arm64")
_IPXE_ARCHITECTURES = {"x86_64": "amd64", "i386": "amd64"}
_COMPRESSIONS = (".tar.gz", ".gz", ".xz", ".zst")
_DISK_FORMATS = (".raw", ".qcow2", ".vhd", ".ova")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A boot asset: what it is, for which platform and architecture."""

    kind: Kind
    platform: str
    arch: str
    secureboot: bool = False


def parse_profile(path: str) -> Profile:
    """Read an asset's name.

    Raises:
        RefusedError: 400, it names no asset.
    """
    with doing("error parsing profile from path"):
        return _parse(path)


def _parse(path: str) -> Profile:
    if path.startswith("kernel-"):
        return Profile(kind="kernel", platform="metal", arch=_arch(path.removeprefix("kernel-")))
    if path.startswith("cmdline-"):
        return _platform_profile("cmdline", path.removeprefix("cmdline-"))
    if path.startswith("initramfs-") and path.endswith(".xz"):
        arch = _arch(path.removeprefix("initramfs-").removesuffix(".xz"))
        return Profile(kind="initramfs", platform="metal", arch=arch)
    if path.endswith(".iso"):
        return _platform_profile("iso", path.removesuffix(".iso"))
    if path.endswith("-uki.efi"):
        return _platform_profile("uki", path.removesuffix("-uki.efi"))
    if path.endswith(".tar") and path.startswith("installer-"):
        return _platform_profile("installer", "metal-" + path[len("installer-") : -len(".tar")])
    if path.endswith(".tar") and "-installer-" in path:
        platform, _, rest = path.removesuffix(".tar").partition("-installer-")
        return _platform_profile("installer", f"{platform}-{rest}")
    return _platform_profile("image", _without_format(path))


def _without_format(path: str) -> str:
    compression = next((each for each in _COMPRESSIONS if path.endswith(each)), "")
    path = path.removesuffix(compression)
    disk_format = next((each for each in _DISK_FORMATS if path.endswith(each)), None)
    if disk_format is None:
        raise RefusedError(400, f'invalid profile path: "{path}"')
    return path.removesuffix(disk_format)


def _platform_profile(kind: Kind, text: str) -> Profile:
    """Read `<platform>-<arch>[-secureboot]`."""
    rest = text.removesuffix("-secureboot")
    platform, dash, arch = rest.partition("-")
    if not dash:
        raise RefusedError(400, f'invalid platform-arch: "{rest}"')
    if platform == "digital" and arch.startswith("ocean-"):  # the one platform with a dash
        platform, arch = "digital-ocean", arch.removeprefix("ocean-")
    return Profile(kind=kind, platform=platform, arch=_arch(arch), secureboot=rest != text)


def _arch(text: str) -> str:
    arch = _IPXE_ARCHITECTURES.get(text, text)
    if arch not in ARCHITECTURES:
        raise RefusedError(400, f'invalid architecture: "{arch}"')
    return arch
