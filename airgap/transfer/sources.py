"""Where bytes are read from: upstream registries and the release server, as a site has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from airgap.net import RetryPolicy, Target, Traffic
from airgap.net.origins import Origins
from airgap.oci.client import RegistryClient
from airgap.oci.registries import Registries
from airgap.site.model import Site
from airgap.talos.boot import RELEASES_URL
from airgap.transfer.beside import Beside, Moving

__all__ = ["FileSource", "ImageSource", "Place", "open_upstream"]

Place = tuple[RegistryClient, str]
"""A registry, and a repository there."""


class ImageSource(Protocol):
    """Where images are read from (`airgap.oci.registries.Registries`)."""

    def locate(self, registry_host: str, repository: str) -> Place:
        """Return the client for an upstream host, and the repository's name there."""


class FileSource(Protocol):
    """Where boot assets are read from (`airgap.transfer.beside.Beside`)."""

    def transfer(self, url: str, into: Target, *, size: int | None, max_bytes: int) -> Moving:
        """Return the transfer of a public URL's file into a target."""


@contextmanager
def open_upstream(
    site: Site,
    *,
    beside: Path | None = None,
    retry: RetryPolicy | None = None,
    traffic: Traffic | None = None,
) -> Iterator[tuple[Registries, Beside]]:
    """Open the site's upstream, redirects applied: registries, and boot assets by origin.

    Args:
        site: Says where upstream is.
        beside: The stack file's folder, where files of the author's own are read.
        retry: How patiently to repeat.
        traffic: The limits and counts of this run.
    """
    releases = site.upstream.releases
    redirects = {RELEASES_URL: releases} if releases else {}
    with (
        Registries(site.upstream.registries, retry=retry, traffic=traffic) as registries,
        Origins(redirects, retry=retry, traffic=traffic) as origins,
    ):
        yield registries, Beside(origins, beside)
