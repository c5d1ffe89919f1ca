"""What makes a disk image with an image cache in it: a profile of Talos' imager, and its command.

Fields: siderolabs/talos pkg/imager/profile at v1.11.5; of the imager's outputs only iso and disk
images take a cache. Up to 1.12 the image is not grown for it: the cache has the room that is left
(at least 1246 MiB are Talos' own), so the size is stated. imager runs where a container runtime
does; nothing is run here.
"""

from __future__ import annotations

from collections.abc import Mapping
from shlex import join

from airgap.imagecache.class_parts import ClassParts
from airgap.talos import minor_of

__all__ = ["disk_bytes", "imager_command", "imager_profile", "installer_base"]

_MIB = 2**20
_TALOS_BYTES = 1246 * _MIB
_STOCK = ClassParts()
_UNIFIED_SINCE = (1, 10)


def disk_bytes(cache_bytes: int) -> int:
    """Return how big a disk image has to be: Talos' own room, the cache, a fifth for ext4.

    The fifth is what Talos itself adds from 1.13 on.
    """
    room = _TALOS_BYTES + cache_bytes * 6 // 5
    return -(-room // _MIB) * _MIB


def installer_base(talos: str) -> str:
    """Return the image that imager builds from."""
    name = "installer-base" if minor_of(talos) >= _UNIFIED_SINCE else "installer"
    return f"ghcr.io/siderolabs/{name}:{talos}"


def imager_profile(
    talos: str,
    architecture: str,
    *,
    cache_bytes: int,
    base: str = "",
    place: str,
    parts: ClassParts = _STOCK,
) -> Mapping[str, object]:
    """Return the profile of a metal disk image.

    Args:
        talos: The release.
        architecture: `amd64` or `arm64`.
        cache_bytes: What is in the cache.
        base: Where the installer's base is pulled from; its public place by default.
        place: The cache's OCI layout as imager sees it, an absolute path.
        parts: What a server class asks for beyond a stock release.
    """
    return {
        "arch": architecture,
        "platform": "metal",
        "secureboot": False,
        "version": talos,
        **({"customization": parts.customization} if parts.customization else {}),
        "input": {
            "kernel": {"path": f"/usr/install/{architecture}/vmlinuz"},
            "initramfs": {"path": f"/usr/install/{architecture}/initramfs.xz"},
            "baseInstaller": {"imageRef": base or installer_base(talos)},
            "imageCache": {"ociPath": place},
            **({"systemExtensions": parts.extensions} if parts.extensions else {}),
        },
        **({"overlay": parts.overlay} if parts.overlay else {}),
        "output": {
            "kind": "image",
            "imageOptions": {"diskSize": disk_bytes(cache_bytes), "diskFormat": "raw"},
            "outFormat": ".zst",
        },
    }


def imager_command(talos: str, cache: str, output: str, *, imager: str = "") -> str:
    """Return the command that takes a profile on its standard input.

    Args:
        talos: The release.
        cache: The OCI layout's directory on this machine, an absolute path.
        output: Where the image goes, an absolute path.
        imager: Where the imager is pulled from; its public place by default.
    """
    image = imager or f"ghcr.io/siderolabs/imager:{talos}"
    volumes = (f"{cache}:/image-cache.oci:ro", f"{output}:/out", "/dev:/dev")
    mounts = (part for volume in volumes for part in ("--volume", volume))
    return join(["docker", "run", "--rm", "--interactive", "--privileged", *mounts, image, "-"])
