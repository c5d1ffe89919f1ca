"""The seam to registries: what looking for signatures and reading them asks."""

from __future__ import annotations

from typing import Protocol

from airgap.digest import Digest
from airgap.oci.manifest import Descriptor, Manifest

__all__ = ["ArtifactReader", "ArtifactSource"]


class ArtifactReader(Protocol):
    """One registry, read only (`airgap.oci.reader.RegistryReader`)."""

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Return a manifest or index by tag or digest, verified."""

    def head_manifest(self, repository: str, reference: str) -> Descriptor | None:
        """Return what a tag points to; None when there is no such tag."""

    def read_blob(self, repository: str, descriptor: Descriptor, *, max_bytes: int) -> bytes:
        """Return a small blob's bytes, verified."""

    def tags(self, repository: str) -> tuple[str, ...]:
        """Return all tags of a repository."""

    def referrers(self, repository: str, digest: Digest) -> tuple[Descriptor, ...]:
        """Return what refers to a digest: by the referrers API, else by the fallback tag."""

    def lists_referrers(self, repository: str) -> bool:
        """Tell whether the registry is still thought to have a referrers API."""


class ArtifactSource(Protocol):
    """Registries by upstream host (`airgap.oci.registries.Registries`)."""

    def locate(self, registry_host: str, repository: str) -> tuple[ArtifactReader, str]:
        """Return the registry to ask, and the repository's name there."""
