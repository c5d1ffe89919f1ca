"""Where bytes are read from, as a site has it: upstream registries, release server, factory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from airgap.factory import BUILD_S, FactoryClient
from airgap.net import RetryPolicy, Target, Traffic
from airgap.net.origins import Origins
from airgap.oci.client import RegistryClient
from airgap.oci.credentials import MachineCredentials
from airgap.oci.registries import Registries, Source
from airgap.progress import Progress
from airgap.site.model import Site
from airgap.site.schematics import factory_release
from airgap.talos import FACTORY_HOST, FACTORY_URL
from airgap.talos.boot import RELEASES_URL
from airgap.transfer.beside import Beside, Moving

__all__ = ["FileSource", "ImageSource", "Place", "open_factory", "open_upstream"]

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
    progress: Progress | None = None,
) -> Iterator[tuple[Registries, Beside]]:
    """Open the site's upstream, redirects applied: registries, and boot assets by origin.

    The factory that stands in for the public one makes installer images, too: they are pulled from
    it, unless a redirect of the registry says otherwise.

    Args:
        site: Says where upstream is.
        beside: The stack file's folder, where files of the author's own are read.
        retry: How patiently to repeat.
        traffic: The limits and counts of this run.
        progress: Told of what the factory has to build first.
    """
    releases, factory = site.upstream.releases, site.upstream.factory
    redirects = {RELEASES_URL: releases} if releases else {}
    places: dict[str, Source] = {FACTORY_HOST: factory} if factory else {}
    with (
        Registries(
            {**places, **site.upstream.registries},
            retry=retry,
            traffic=traffic,
            answer_s={FACTORY_HOST: BUILD_S},
        ) as registries,
        Origins(redirects, retry=retry, traffic=traffic) as origins,
        open_factory(site, retry=retry, traffic=traffic, progress=progress) as client,
    ):
        yield registries, Beside(origins, beside, client)


def open_factory(
    site: Site,
    *,
    retry: RetryPolicy | None = None,
    traffic: Traffic | None = None,
    progress: Progress | None = None,
) -> FactoryClient:
    """Return the client of the factory that makes boot assets for `lock`; the caller closes it.

    It is held to the schematic IDs of the site.
    """
    source = site.upstream.factory
    return FactoryClient(
        source.url if source else FACTORY_URL,
        source.ca if source else None,
        version=factory_release(site),
        credentials=MachineCredentials(),
        retry=retry,
        traffic=traffic,
        progress=progress,
    )
