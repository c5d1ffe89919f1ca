"""What an Image Factory makes from a schematic: boot assets, and installer images in a registry.

Image Factory v1.0.3 to v1.5.0, `internal/profile` and `internal/asset`. Contents are generated, but
whatever the real one needs from its core registry (imager, installer-base, every extension by
digest, the overlay for its own architecture and the target's) is pulled whole and verified first,
in its order: an incomplete mirror fails here as it would there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from airgap.digest import sha256_of
from airgap.oci.manifest import OCI_INDEX, OCI_MANIFEST
from airgap.schematic import Schematic
from lab.artifacts import OVERLAYS_SINCE, Artifacts
from lab.assets import asset_content, random_bytes
from lab.cmdline import kernel_command_line
from lab.layers import make_layer
from lab.profiles import ARCHITECTURES, Profile, parse_profile
from lab.refusals import RefusedError, doing
from lab.registryclient import RegistryClient
from lab.semver import Version
from lab.signing import sign

__all__ = ["BuildSizes", "Builder"]

_OWN_ARCH = "amd64"
_EMBEDDED_CONFIG_SINCE = Version(1, 12)
_ENROLL_KEYS = ("", "if-safe", "manual", "force", "off")
_BARE = ("kernel", "cmdline")
"""Nothing of the schematic's is put into these but kernel arguments."""
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSizes:
    """How large the generated assets are, in bytes."""

    kernel: int = 4 << 20
    initramfs: int = 16 << 20
    disk: int = 256 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    """The layers that were pulled: of the image an installer is made from, and of what is added."""

    base: Sequence[bytes] = ()
    added: Sequence[bytes] = ()

    @property
    def added_bytes(self) -> int:
        return sum(len(layer) for layer in self.added)


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Builds for one factory.

    The initramfs depends on the factory's external URL, as the real one's does; the kernel is the
    imager's, and that of the release where the imager has none.
    """

    artifacts: Artifacts
    installers: RegistryClient
    external_url: str
    secureboot: bool = False
    sizes: BuildSizes = BuildSizes()

    def asset(self, identity: str, schematic: Schematic, version: str, path: str) -> bytes:
        """Build a boot asset.

        Raises:
            RefusedError: 400, the path names no asset, or the catalogue lacks something; 404, the
                version is not on offer.
            RegistryClientError: The core registry lacks something.
        """
        profile = parse_profile(path)
        inputs = self._gather(profile, schematic, version)
        with doing("failed to get kernel"):
            files = self.artifacts.imager(version)
        if profile.kind == "kernel":
            name = f"vmlinuz-{profile.arch}"
            found = files.get(f"usr/install/{profile.arch}/vmlinuz")
            return found or asset_content(version, name, self.sizes.kernel)
        if profile.kind == "cmdline":
            return kernel_command_line(version, profile, schematic).encode()
        size = self.sizes.initramfs if profile.kind == "initramfs" else self.sizes.disk
        return asset_content(
            f"{self.external_url}/{identity}/{version}", path, size + inputs.added_bytes
        )

    def installer(self, name: str, identity: str, schematic: Schematic, version: str) -> bytes:
        """Build `<name>/<identity>:<version>`, for both architectures, push and sign it.

        Returns:
            The index.
        """
        repository = f"{name}/{identity}"
        secureboot = name.endswith("-secureboot")
        platform = name.removesuffix("-secureboot").removesuffix("installer").rstrip("-") or "metal"
        entries = []
        for arch in ARCHITECTURES:
            profile = Profile(kind="installer", platform=platform, arch=arch, secureboot=secureboot)
            digest, size = self._platform_installer(
                repository, identity, schematic, version, profile
            )
            entries.append(
                {
                    "mediaType": OCI_MANIFEST,
                    "size": size,
                    "digest": digest,
                    "platform": {"os": "linux", "architecture": arch},
                }
            )
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        raw = json.dumps(index).encode()
        self.installers.put_manifest(repository, raw, OCI_INDEX, reference=version)
        self._sign(repository, str(sha256_of(raw)))
        return raw

    def _platform_installer(
        self, repository: str, identity: str, schematic: Schematic, version: str, profile: Profile
    ) -> tuple[str, int]:
        inputs = self._gather(profile, schematic, version)
        with doing("failed to get kernel"):
            self.artifacts.imager(version)
        key = f"{self.external_url}/{identity}/{version}/{profile.arch}"
        content = random_bytes(key, 4096 + inputs.added_bytes)
        layers = [*inputs.base, make_layer({"usr/install/schematic.bin": content})[0]]
        config = {"architecture": profile.arch, "os": "linux", "rootfs": {"type": "layers"}}
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self._push(repository, json.dumps(config).encode(), _CONFIG),
            "layers": [self._push(repository, layer, _LAYER) for layer in layers],
        }
        raw = json.dumps(document).encode()
        digest = str(sha256_of(raw))
        self.installers.put_manifest(repository, raw, OCI_MANIFEST, reference=digest)
        return digest, len(raw)

    def _sign(self, repository: str, digest: str) -> None:
        """Push a signature by the factory's cache key, which here is the lab's."""
        critical = {
            "identity": {"docker-reference": repository},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        }
        payload = json.dumps({"critical": critical, "optional": None}).encode()
        layer = self._push(repository, payload, _SIMPLE_SIGNING)
        layer["annotations"] = {"dev.cosignproject.cosign/signature": sign(payload)}
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self._push(repository, b"{}", _CONFIG),
            "layers": [layer],
        }
        tag = f"{digest.replace(':', '-')}.sig"
        raw = json.dumps(document).encode()
        self.installers.put_manifest(repository, raw, OCI_MANIFEST, reference=tag)

    def _push(self, repository: str, data: bytes, media_type: str) -> dict[str, object]:
        digest = self.installers.put_blob(repository, data)
        return {"mediaType": media_type, "size": len(data), "digest": digest}

    def _gather(self, profile: Profile, schematic: Schematic, version: str) -> _Inputs:
        """Check a schematic for an asset, and pull what the asset needs besides the imager."""
        with doing("error enhancing profile from schematic"):
            self._check(profile, schematic, version)
            if profile.kind in _BARE:
                return _Inputs()
            base: list[bytes] = []
            if profile.kind == "installer":
                with doing("failed to get base installer"):
                    base = self.artifacts.installer(version, profile.arch)
            return _Inputs(base=base, added=self._pull_added(profile, schematic, version))

    def _check(self, profile: Profile, schematic: Schematic, version: str) -> None:
        custom, talos = schematic.customization, Version.parse(version).release
        if custom.embedded_machine_configuration and profile.kind not in _BARE:
            _require(talos >= _EMBEDDED_CONFIG_SINCE, "embedding configuration", version)
        if profile.secureboot:
            self._check_secureboot(custom.secureboot.enroll_keys)
        if schematic.overlay.name:
            _require(talos >= OVERLAYS_SINCE, "overlay", version)

    def _check_secureboot(self, enroll_keys: str) -> None:
        if not self.secureboot:
            raise RefusedError(400, "secure boot is disabled")
        if enroll_keys not in _ENROLL_KEYS:
            reason = f'invalid secureboot enrollKeys value "{enroll_keys}"'
            raise RefusedError(400, reason)

    def _pull_added(self, profile: Profile, schematic: Schematic, version: str) -> list[bytes]:
        layers: list[bytes] = []
        names = schematic.customization.system_extensions.official_extensions
        for extension in self.artifacts.find_extensions(version, names):
            layers += self.artifacts.pull(extension.name, extension.digest, profile.arch)
        if schematic.overlay.name:
            overlay = self.artifacts.find_overlay(version, schematic.overlay.name)
            self.artifacts.pull(overlay.image, overlay.digest, _OWN_ARCH)
            layers += self.artifacts.pull(overlay.image, overlay.digest, profile.arch)
        return layers


def _require(fact: bool, what: str, version: str) -> None:
    if not fact:
        verb = "is not supported for Talos version"
        raise RefusedError(400, f"{what} {verb} {version}")
