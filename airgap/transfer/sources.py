"""Where bytes are read from: the seams to upstream registries and to the release server."""

from __future__ import annotations

from typing import Protocol

from airgap.net import Target, Transfer
from airgap.oci.client import RegistryClient

__all__ = ["FileSource", "ImageSource", "Place"]

Place = tuple[RegistryClient, str]
"""A registry, and a repository there."""


class ImageSource(Protocol):
    """Where images are read from (`airgap.oci.registries.Registries`)."""

    def locate(self, registry_host: str, repository: str) -> Place:
        """Return the client for an upstream host, and the repository's name there."""


class FileSource(Protocol):
    """Where boot assets are read from (`airgap.net.origins.Origins`)."""

    def transfer(self, url: str, into: Target, *, size: int | None, max_bytes: int) -> Transfer:
        """Return the transfer of a public URL's file into a target."""
