"""The connected side: a practice upstream that is on only while a site is locked and fetched."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from airgap.lock import Lock
from airgap.net import RetryPolicy
from airgap.resolve import resolve_site
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.fetch import fetch_site
from airgap.transfer.sources import open_upstream
from lab.tls import Authority
from lab.upstream import NEXT_RELEASE, RELEASE, Upstream
from tests.engine.result import Json
from tests.practice_images import make_image

__all__ = ["FORMER_FACTORY", "Outside", "Template"]

FORMER_FACTORY = "v1.4.0"
"""A release of the Image Factory before the one that the examples name."""

_IMPATIENT = RetryPolicy(sleep=lambda _: None)
CA_FILE = "certs/upstream-ca.pem"  # beside the stack files


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A stack that was locked and fetched once, for all tests to copy."""

    lock: Lock
    store: Path

    def copy_store(self, destination: Path) -> None:
        """Copy, and never link: a test may damage a published file that shares its blob."""
        shutil.copytree(self.store, destination, dirs_exist_ok=True)


class Outside:
    """A practice upstream; what was locked of each stack is kept for the session."""

    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory / "ca")
        self._directory = directory
        self._upstream = Upstream(
            directory, small=True, releases=(RELEASE, NEXT_RELEASE), authority=self.authority
        )
        nginx = make_image("nginx 1.27.4")
        nginx.put(self._upstream.registry.content, "docker.io/library/nginx", "1.27.4")
        former = make_image(f"image-factory {FORMER_FACTORY}")
        former.put(
            self._upstream.registry.content, "ghcr.io/siderolabs/image-factory", FORMER_FACTORY
        )
        self._upstream.start()  # takes its ports
        self.redirects = self._redirects()
        self._upstream.stop()
        self._templates: dict[str, Template] = {}

    def template(self, stack: str, site: Site) -> Template:
        """Return a stack's lock and store, made when first asked for."""
        if stack not in self._templates:
            root = self._directory / stack
            lock = self.lock(site, Store.open(root, create=True))
            self._templates[stack] = Template(lock=lock, store=root)
        return self._templates[stack]

    def lock(self, site: Site, store: Store, previous: Lock | None = None) -> Lock:
        """Lock a site and fetch all that it names."""
        with (
            self._upstream,
            open_upstream(site, retry=_IMPATIENT) as (registries, releases),
        ):
            resolution = resolve_site(
                site, previous=previous, registries=registries, releases=releases, store=store
            )
            fetch_site(resolution.lock, registries=registries, releases=releases, store=store)
        assert self._upstream.outside.crashes == []
        return resolution.lock

    def _redirects(self) -> Json:
        def at(url: str) -> Json:
            return {"url": url, "caFile": CA_FILE}

        hosts = self._upstream.registry_redirects
        return {
            "registries": {host: at(url) for host, url in hosts.items()},
            "releases": at(self._upstream.releases_url),
            "factory": at(self._upstream.factory_url),
        }
