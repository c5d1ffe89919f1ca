"""The seams to upstream: what resolution asks of registries and of the release server."""

from __future__ import annotations

from typing import Protocol

from airgap.factory import FactoryClient
from airgap.net import Sink, Target
from airgap.oci.manifest import Descriptor, Manifest

__all__ = ["FileSource", "ImageReader", "ImageSource", "MakingSource"]


class ImageReader(Protocol):
    """One registry, read only (`airgap.oci.client.RegistryClient`)."""

    def manifest(self, repository: str, reference: str) -> Manifest:
        """Return a manifest or index by tag or digest, verified."""

    def head_manifest(self, repository: str, reference: str) -> Descriptor | None:
        """Return what a tag points to; None when there is no such tag."""

    def read_blob(self, repository: str, descriptor: Descriptor, *, max_bytes: int) -> bytes:
        """Return a small blob's bytes, verified."""


class ImageSource(Protocol):
    """Registries by upstream host (`airgap.oci.registries.Registries`)."""

    def locate(self, registry_host: str, repository: str) -> tuple[ImageReader, str]:
        """Return the registry to ask, and the repository's name there."""


class FileSource(Protocol):
    """Files by origin (`airgap.transfer.beside.Beside`)."""

    def read(self, url: str, *, max_bytes: int) -> bytes:
        """Return a small file."""

    def download(self, url: str, into: Target | Sink, *, size: int | None, max_bytes: int) -> None:
        """Stream a file into a target or sink, going on behind what is there."""


class MakingSource(FileSource, Protocol):
    """Files by origin, and who makes those that a factory makes."""

    @property
    def factory(self) -> FactoryClient | None:
        """The factory that is asked; None where nobody is at hand."""
