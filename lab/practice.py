"""The practice site's own servers, on the ports of `stacks/Pulumi.lab.yaml`.

Registry, web server and Image Factory of the site, next to the practice upstream outside of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from airgap.site.model import Site
from lab.factory import Factory, FactoryRegistries
from lab.registry import Registry
from lab.registryclient import RegistryClient
from lab.tls import Authority
from lab.upstream import Upstream
from lab.website import Website

__all__ = ["Practice", "start_practice", "upstream_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """The running servers of the site."""

    registry: Registry
    website: Website
    factory: Factory


def upstream_of(site: Site, directory: Path, authority: Authority) -> Upstream:
    """Return the practice upstream on the ports that the site's redirects name (not started)."""
    releases, factory = site.upstream.releases, site.upstream.factory
    assert releases is not None, "the lab's site redirects its releases"
    assert factory is not None, "the lab's site redirects its factory"
    return Upstream(
        directory,
        authority=authority,
        port=_port(releases.url),
        factory_port=_port(factory.url),
    )


@contextmanager
def start_practice(site: Site, directory: Path, authority: Authority) -> Iterator[Practice]:
    """Run the site's servers while the context lasts.

    Args:
        site: The lab's site; its URLs give the ports.
        directory: Gets the registry's blobs (`registry/`) and the web root (`www/`).
        authority: Issues their certificates.
    """
    certificate = authority.issue()
    endpoint = site.registry.endpoints[0].url
    with ExitStack() as stack:
        registry = stack.enter_context(
            Registry(
                port=_port(endpoint),
                certificate=certificate,
                directory=directory / "registry",
                deletes=True,
            )
        )
        website = stack.enter_context(
            Website(directory / "www", port=_port(site.asset_mirror.url), certificate=certificate)
        )
        assert site.image_factory.endpoint is not None, "the lab's site has an Image Factory"
        factory = stack.enter_context(
            Factory(
                _factory_registries(endpoint, authority),
                version=site.image_factory.version or "v1.5.0",
                external_url=site.image_factory.endpoint,
                port=_port(site.image_factory.endpoint),
                certificate=certificate,
            )
        )
        yield Practice(registry=registry, website=website, factory=factory)


def _factory_registries(url: str, authority: Authority) -> FactoryRegistries:
    def client(namespace: str) -> RegistryClient:
        return RegistryClient(url, namespace=namespace, ca_file=authority.ca_file)

    return FactoryRegistries(
        core=client("ghcr.io"), schematic=client("image-factory"), installer=client("installers")
    )


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None, f"{url}: the lab's URLs name their ports"
    return port
