"""What an Image Factory reads from its core registry: versions, extensions, overlays.

Image Factory v1.5.0 `internal/artifacts`: versions are the semver tags of the imager's repository;
the catalogue images' files name extensions and overlays by digest; every image is pulled whole.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from airgap.oci import Manifest
from lab.registryclient import RegistryClient

__all__ = ["ALIASES", "Artifacts", "Extension", "OverlayImage", "UnavailableError"]

_SEMVER = re.compile(r"v(\d+)\.(\d+)\.(\d+)(?:-[0-9A-Za-z.-]+)?\Z")
_LINE = re.compile(r"[^/]+/(?P<name>[^:@]+):(?P<tag>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})\Z")
_PREFIX = "siderolabs/"
ALIASES = {
    _PREFIX + old: _PREFIX + new
    for old, new in (
        ("v4l-uvc", "v4l-uvc-drivers"),
        ("usb-modem", "usb-modem-drivers"),
        ("gasket", "gasket-driver"),
        ("talos-vmtoolsd", "vmtoolsd-guest-agent"),
        ("xe-guest-utilities", "xen-guest-agent"),
        ("nvidia-container-toolkit", "nvidia-container-toolkit-lts"),
        ("nvidia-open-gpu-kernel-modules", "nvidia-open-gpu-kernel-modules-lts"),
        ("nonfree-kmod-nvidia", "nonfree-kmod-nvidia-lts"),
        ("nvidia-fabricmanager", "nvidia-fabric-manager-lts"),
        ("i915-ucode", "i915"),
        ("amdgpu-firmware", "amdgpu"),
    )
}


class UnavailableError(Exception):
    """An extension or overlay the catalogue of a version does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A line of `image-digests` with its description."""

    name: str
    tag: str
    digest: str
    author: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayImage:
    """An entry of `overlays.yaml`; `image` without registry and tag."""

    name: str
    image: str
    tag: str
    digest: str


class Artifacts:
    """The core registry as a factory sees it."""

    def __init__(self, core: RegistryClient) -> None:
        self.core = core

    def versions(self) -> list[str]:
        """Return the Talos versions there are, oldest first."""
        tags = self.core.tags("siderolabs/imager")
        return sorted((tag for tag in tags if _SEMVER.match(tag)), key=_precedence)

    def extensions(self, version: str) -> list[Extension]:
        """Return the official extensions of a version, in the catalogue's order."""
        files = self._files("siderolabs/extensions", version)
        descriptions = yaml.safe_load(files.get("descriptions.yaml", b"{}"))
        found = []
        for line in files["image-digests"].decode().splitlines():
            match = _LINE.match(line)
            if match is not None:
                about = descriptions.get(line, {})
                found.append(Extension(**match.groupdict(), **about))
        return found

    def overlays(self, version: str) -> list[OverlayImage]:
        """Return the official overlays of a version."""
        document = yaml.safe_load(self._files("siderolabs/overlays", version)["overlays.yaml"])
        found = []
        for entry in document["overlays"]:
            match = _LINE.match(f"{entry['image']}@{entry['digest']}")
            assert match is not None
            overlay = OverlayImage(
                name=entry["name"], image=match["name"], tag=match["tag"], digest=match["digest"]
            )
            found.append(overlay)
        return found

    def find_extensions(self, version: str, names: Sequence[str]) -> list[Extension]:
        """Match names against the catalogue: exactly first, then by alias.

        Raises:
            UnavailableError: A name the catalogue does not have.
        """
        if not names:
            return []
        known = {extension.name: extension for extension in self.extensions(version)}
        found = []
        for name in names:
            extension = known.get(name) or known.get(ALIASES.get(name, ""))
            if extension is None:
                raise UnavailableError(
                    f"official extension {name!r} is not available for Talos version {version}"
                )
            found.append(extension)
        return found

    def find_overlay(self, version: str, name: str) -> OverlayImage:
        """Look an overlay up by its name alone.

        Raises:
            UnavailableError: The catalogue does not have it.
        """
        for overlay in self.overlays(version):
            if overlay.name == name:
                return overlay
        raise UnavailableError(f"overlay {name!r} is not available for Talos version {version}")

    def pull(self, name: str, reference: str, arch: str) -> list[bytes]:
        """Pull an image whole for an architecture; return its layers."""
        manifest = self.platform_manifest(name, reference, arch)
        _, *layers = [self.core.blob(name, str(blob.digest)) for blob in manifest.blobs]
        return layers

    def platform_manifest(self, name: str, reference: str, arch: str) -> Manifest:
        """Return the manifest for linux on an architecture."""
        manifest = self.core.manifest(name, reference)
        for child in manifest.children:
            if str(child.platform) == f"linux/{arch}":
                return self.core.manifest(name, str(child.digest))
        if manifest.is_index:
            raise UnavailableError(f"{name}:{reference} has no linux/{arch}")
        return manifest

    def _files(self, name: str, version: str) -> dict[str, bytes]:
        layers = self.pull(name, version, "amd64")
        return {path: data for layer in layers for path, data in _unpack(layer)}


def _unpack(layer: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(layer), mode="r:gz") as archive:
        for member in archive:
            stream = archive.extractfile(member)
            if stream is not None:
                yield member.name, stream.read()


def _precedence(tag: str) -> tuple[int, int, int, bool, str]:
    match = _SEMVER.match(tag)
    assert match is not None
    return (int(match[1]), int(match[2]), int(match[3]), "-" not in tag, tag)
