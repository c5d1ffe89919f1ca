"""What an Image Factory reads from its core registry: versions, catalogues, images.

Image Factory v1.0.3 to v1.5.0, `internal/artifacts`: versions are the semver tags of the imager's
repository; the catalogue images' files name extensions and overlays by digest; every image is
pulled whole, after its signature was verified. Nothing is remembered here: what is taken from the
registry is missed at once, where the real one may have it until it restarts.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from airgap.oci import Manifest
from lab.refusals import RefusedError, doing
from lab.registryclient import RegistryClient, RegistryClientError
from lab.semver import Version
from lab.signatures import require_signature

__all__ = ["ALIASES", "OVERLAYS_SINCE", "Artifacts", "Extension", "OverlayImage"]

_LINE = re.compile(
    r"(?P<host>[^/]+)/(?P<name>[^:@]+):(?P<tag>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})\Z"
)
_MINIMUM = Version(1, 2)
OVERLAYS_SINCE = Version(1, 7)
_INSTALLER_BASE_SINCE = Version(1, 10)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A line of `image-digests` with its description; `host` is the line's registry."""

    host: str
    name: str
    tag: str
    digest: str
    author: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayImage:
    """An entry of `overlays.yaml`; `host` is its registry, `image` without registry and tag."""

    name: str
    host: str
    image: str
    tag: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """The core registry as a factory sees it.

    Attributes:
        core: The registry.
        namespace: Put before every path that is pulled (`artifacts.core.namespace`).
        public_key: PEM that every image must be signed with; empty for no verification.
    """

    core: RegistryClient
    namespace: str = ""
    public_key: str = ""

    def versions(self) -> list[Version]:
        """Return the Talos versions on offer, oldest first; early ones of the newest minor only."""
        found = []
        for tag in self.core.tags(self.path("siderolabs/imager")):
            try:
                found.append(Version.parse(tag))
            except ValueError:
                continue
        newest = max(found)
        return sorted(each for each in found if _is_offered(each, newest))

    def require(self, version: str) -> str:
        """Return a version as a tag.

        Raises:
            RefusedError: 404, it is not on offer.
        """
        wanted = Version.parse(version)
        if wanted not in self.versions():
            raise RefusedError(404, f"version {wanted} is not available")
        return f"v{wanted}"

    def extensions(self, version: str) -> list[Extension]:
        """Return the official extensions of a version, in the catalogue's order."""
        files = self.files("siderolabs/extensions", self.require(version))
        descriptions = yaml.safe_load(files.get("descriptions.yaml", b"{}"))
        found = []
        for line in files["image-digests"].decode().splitlines():
            match = _LINE.match(line.strip())
            if match is not None:
                about = descriptions.get(line, {})
                found.append(Extension(**match.groupdict(), **about))
        return found

    def overlays(self, version: str) -> list[OverlayImage]:
        """Return the official overlays of a version; none before Talos 1.7, whatever there is."""
        if Version.parse(version).release < OVERLAYS_SINCE:
            return []
        files = self.files("siderolabs/overlays", self.require(version))
        found = []
        for entry in yaml.safe_load(files["overlays.yaml"])["overlays"]:
            match = _LINE.match(f"{entry['image']}@{entry['digest']}")
            assert match is not None
            overlay = OverlayImage(
                name=entry["name"],
                host=match["host"],
                image=match["name"],
                tag=match["tag"],
                digest=match["digest"],
            )
            found.append(overlay)
        return found

    def find_extensions(self, version: str, names: Sequence[str]) -> list[Extension]:
        """Match names against the catalogue: exactly first, then by alias.

        Raises:
            RefusedError: 400, a name the catalogue does not have.
        """
        if not names:
            return []
        with doing("error getting official extensions"):
            known = {extension.name: extension for extension in self.extensions(version)}
        found = []
        for name in names:
            extension = known.get(name) or known.get(ALIASES.get(name, ""))
            if extension is None:
                reason = f'official extension "{name}" is not available for Talos version {version}'
                raise RefusedError(400, reason)
            found.append(extension)
        return found

    def find_overlay(self, version: str, name: str) -> OverlayImage:
        """Look an overlay up by its name alone.

        Raises:
            RefusedError: 400, the catalogue does not have it.
        """
        with doing("error getting official overlays"):
            overlays = self.overlays(version)
        for overlay in overlays:
            if overlay.name == name:
                return overlay
        # The real one prints what it did not find.
        reason = f'official overlay {{"" "" ""}} is not available for Talos version {version}'
        raise RefusedError(400, reason)

    def imager(self, version: str) -> dict[str, bytes]:
        """Pull the imager; return its files. Only that of amd64 is used: it holds both's."""
        return self.files("siderolabs/imager", self.require(version))

    def installer(self, version: str, arch: str) -> list[bytes]:
        """Pull the image that installers of a version are made from; return its layers."""
        is_base = Version.parse(version).release >= _INSTALLER_BASE_SINCE
        name = "installer-base" if is_base else "installer"
        return self.pull(f"siderolabs/{name}", self.require(version), arch)

    def talosctl(self, version: str) -> dict[str, bytes]:
        """Pull the image of all talosctl builds; return them by name (`talosctl-linux-amd64`)."""
        files = self.files("siderolabs/talosctl-all", self.require(version))
        return {name: data for name, data in files.items() if name.startswith("talosctl-")}

    def files(self, name: str, version: str) -> dict[str, bytes]:
        """Pull an image for amd64; return the files in its layers, the later ones' before."""
        layers = self.pull(name, version, "amd64")
        return {path: data for layer in layers for path, data in _unpack(layer)}

    def pull(self, name: str, reference: str, arch: str) -> list[bytes]:
        """Pull an image whole for an architecture; return its layers.

        Raises:
            RegistryClientError: Any of it is missing, or it is not signed as it must be.
        """
        path = self.path(name)
        manifest = self.core.manifest(path, reference)
        if self.public_key:
            require_signature(self.core, path, str(manifest.digest), self.public_key)
        manifest = self._of_platform(path, manifest, arch)
        _, *layers = [self.core.blob(path, str(blob.digest)) for blob in manifest.blobs]
        return layers

    def path(self, name: str) -> str:
        """Return where in the registry a repository is pulled from."""
        return f"{self.namespace}/{name}" if self.namespace else name

    def _of_platform(self, path: str, manifest: Manifest, arch: str) -> Manifest:
        for child in manifest.children:
            if str(child.platform) == f"linux/{arch}":
                return self.core.manifest(path, str(child.digest))
        if manifest.is_index:
            raise RegistryClientError(f"{path}@{manifest.digest} has no linux/{arch}")
        return manifest


def _is_offered(version: Version, newest: Version) -> bool:
    if version < _MINIMUM:
        return False
    if not version.pre:
        return True
    same_minor = (version.major, version.minor) == (newest.major, newest.minor)
    return same_minor and version.is_offered_early


def _unpack(layer: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(layer), mode="r:gz") as archive:
        for member in archive:
            stream = archive.extractfile(member)
            if stream is not None:
                yield member.name, stream.read()
