"""What an Image Factory makes from a schematic: boot assets, and installer images in a registry.

Asset names: Image Factory v1.5.0 `internal/profile`. Contents are generated, but whatever the real
one needs from its core registry (imager, installer-base, every extension by digest, the overlay)
is pulled whole and verified first: an incomplete mirror fails here as it would there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from airgap.digest import sha256_of
from airgap.oci.manifest import OCI_INDEX, OCI_MANIFEST
from airgap.schematic import Schematic
from lab.artifacts import Artifacts
from lab.assets import asset_content, random_bytes
from lab.kernelargs import METAL_ARGS
from lab.layers import make_layer
from lab.registryclient import RegistryClient

__all__ = ["BuildSizes", "Builder", "InvalidProfileError"]

_ARCHES = ("amd64", "arm64")
_ARCH = r"(?P<arch>amd64|arm64)"
_KERNEL = re.compile(rf"kernel-{_ARCH}\Z")
_INITRAMFS = re.compile(rf"initramfs-{_ARCH}\.xz\Z")
_CMDLINE = re.compile(rf"cmdline-[a-z0-9]+-{_ARCH}(?:-secureboot)?\Z")
_DISK = re.compile(
    rf"[a-z0-9]+-{_ARCH}(?:-secureboot)?"
    r"(?:\.iso|-uki\.efi|\.(?:raw|qcow2|vhd|ova)(?:\.tar\.gz|\.gz|\.xz|\.zst)?)\Z"
)
_INSTALLER_TAR = re.compile(rf"(?:[a-z0-9]+-)?installer-{_ARCH}(?:-secureboot)?\.tar\Z")
_INSTALLER_BASE_SINCE = (1, 10)
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class InvalidProfileError(Exception):
    """A path that names no asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSizes:
    """How large the generated assets are, in bytes."""

    kernel: int = 4 << 20
    initramfs: int = 16 << 20
    disk: int = 256 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Builds for one factory.

    The initramfs depends on the factory's external URL, as the real one's does; the kernel is that
    of the release.
    """

    artifacts: Artifacts
    installers: RegistryClient
    external_url: str
    sizes: BuildSizes = BuildSizes()

    def asset(self, identity: str, schematic: Schematic, version: str, path: str) -> bytes:
        """Build a boot asset.

        Raises:
            InvalidProfileError: The path names no asset.
            UnavailableError: The catalogue lacks an extension or the overlay.
            RegistryClientError: The core registry lacks something.
        """
        if match := _KERNEL.match(path):
            self._pull_imager(version)
            return asset_content(version, f"vmlinuz-{match['arch']}", self.sizes.kernel)
        if _CMDLINE.match(path):
            args = (*METAL_ARGS, *schematic.customization.extra_kernel_args)
            return " ".join(args).encode()
        match = _INITRAMFS.match(path) or _DISK.match(path) or _INSTALLER_TAR.match(path)
        if match is None:
            raise InvalidProfileError(f"invalid profile: {path!r}")
        self._pull_imager(version)
        added = self._pull_customization(schematic, version, match["arch"])
        is_initramfs = path.startswith("initramfs-")
        size = (self.sizes.initramfs if is_initramfs else self.sizes.disk) + added
        return asset_content(f"{self.external_url}/{identity}/{version}", path, size)

    def installer(self, name: str, identity: str, schematic: Schematic, version: str) -> None:
        """Build `<name>/<identity>:<version>`, always for both architectures, and push it."""
        repository = f"{name}/{identity}"
        entries = []
        for arch in _ARCHES:
            digest, size = self._platform_installer(repository, identity, schematic, version, arch)
            platform = {"os": "linux", "architecture": arch}
            entries.append(
                {"mediaType": OCI_MANIFEST, "size": size, "digest": digest, "platform": platform}
            )
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        raw = json.dumps(index).encode()
        self.installers.put_manifest(repository, raw, OCI_INDEX, reference=version)

    def _platform_installer(
        self, repository: str, identity: str, schematic: Schematic, version: str, arch: str
    ) -> tuple[str, int]:
        base = "installer-base" if _minor(version) >= _INSTALLER_BASE_SINCE else "installer"
        layers = self.artifacts.pull(f"siderolabs/{base}", version, arch)
        added = self._pull_customization(schematic, version, arch)
        content = random_bytes(f"{self.external_url}/{identity}/{version}/{arch}", 4096 + added)
        layers.append(make_layer({"usr/install/schematic.bin": content})[0])
        config = json.dumps({"architecture": arch, "os": "linux", "rootfs": {"type": "layers"}})
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self._push(repository, config.encode(), _CONFIG),
            "layers": [self._push(repository, layer, _LAYER) for layer in layers],
        }
        raw = json.dumps(document).encode()
        digest = str(sha256_of(raw))
        self.installers.put_manifest(repository, raw, OCI_MANIFEST, reference=digest)
        return digest, len(raw)

    def _push(self, repository: str, data: bytes, media_type: str) -> dict[str, object]:
        digest = self.installers.put_blob(repository, data)
        return {"mediaType": media_type, "size": len(data), "digest": digest}

    def _pull_imager(self, version: str) -> None:
        """Only the amd64 imager is used; it holds both architectures' kernel and initramfs."""
        self.artifacts.pull("siderolabs/imager", version, "amd64")

    def _pull_customization(self, schematic: Schematic, version: str, arch: str) -> int:
        """Pull extensions and overlay by digest; return their bytes."""
        names: Sequence[str] = schematic.customization.system_extensions.official_extensions
        layers: list[bytes] = []
        for extension in self.artifacts.find_extensions(version, names):
            layers += self.artifacts.pull(extension.name, extension.digest, arch)
        if schematic.overlay.name:
            overlay = self.artifacts.find_overlay(version, schematic.overlay.name)
            layers += self.artifacts.pull(overlay.image, overlay.digest, arch)
        return sum(len(layer) for layer in layers)


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.removeprefix("v").split(".")[:2]
    return int(major), int(minor)
