"""The seams to upstream: what resolution asks of registries and of the release server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from airgap.net import RetryPolicy, Sink, Target, Traffic
from airgap.net.origins import Origins
from airgap.oci.manifest import Descriptor, Manifest
from airgap.oci.registries import Registries
from airgap.site.model import Site
from airgap.talos.boot import RELEASES_URL

__all__ = ["FileSource", "ImageReader", "ImageSource", "open_upstream"]


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
    """Files by public URL (`airgap.net.origins.Origins`)."""

    def read(self, url: str, *, max_bytes: int) -> bytes:
        """Return a small file."""

    def download(self, url: str, into: Target | Sink, *, size: int | None, max_bytes: int) -> None:
        """Stream a file into a target or sink, going on behind what is there."""


@contextmanager
def open_upstream(
    site: Site, *, retry: RetryPolicy | None = None, traffic: Traffic | None = None
) -> Iterator[tuple[Registries, Origins]]:
    """Open the site's upstream, redirects applied: registries, and the release server's files."""
    releases = site.upstream.releases
    redirects = {RELEASES_URL: releases} if releases else {}
    with (
        Registries(site.upstream.registries, retry=retry, traffic=traffic) as registries,
        Origins(redirects, retry=retry, traffic=traffic) as origins,
    ):
        yield registries, origins
