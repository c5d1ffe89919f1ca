"""The practice upstream: all that a site depends on outside, on loopback, over TLS.

One server carries the registries (their hosts as repository prefixes), the release server and the
object store it redirects to; a second one is the Image Factory, whose `/v2/` is its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from werkzeug.wrappers import Request, Response

from lab.auth import TOKEN_PATH
from lab.builds import BuildSizes
from lab.collection import Collection
from lab.factory import Factory, FactoryRegistries
from lab.registry import Registry
from lab.registryclient import RegistryClient
from lab.releases import Release, Releases
from lab.server import Simulator
from lab.tls import Authority, ServerCertificate

__all__ = ["NEXT_RELEASE", "REGISTRY_HOSTS", "RELEASE", "Outside", "Upstream"]

RELEASE = "v1.11.5"
NEXT_RELEASE = "v1.11.6"
REGISTRY_HOSTS = ("docker.io", "gcr.io", "ghcr.io", "registry.k8s.io")
_FACTORY_HOST = "factory.talos.dev"
_WITHOUT_REFERRERS = ("docker.io/", "ghcr.io/")
_LAB_IMAGES_BYTES = 150 << 20
_LAB_SIZES = BuildSizes()
_SMALL_IMAGES_BYTES = 2 << 20
_SMALL_SIZES = BuildSizes(kernel=32 << 10, initramfs=128 << 10, disk=16 << 10)


class Outside(Simulator):
    """Registries and releases behind one port; faults and records are kept here, not in them."""

    def __init__(
        self,
        registry: Registry,
        releases: Releases,
        *,
        port: int = 0,
        certificate: ServerCertificate | None = None,
    ) -> None:
        super().__init__(port=port, certificate=certificate)
        self._registry = registry
        self._releases = releases

    def respond(self, request: Request) -> Response:
        """Hand the request to whom it is for."""
        is_registry = request.path == TOKEN_PATH or request.path.startswith("/v2")
        return (self._registry if is_registry else self._releases).respond(request)


class Upstream:
    """The practice upstream, holding whole Talos releases: images and boot assets.

    Args:
        directory: Gets the certificates and, unless `small`, the blobs.
        small: About 5 MiB of everything, in memory, for tests; else about 200 MiB, in files.
        releases: The Talos releases there from the start; `publish` adds more.
        factory_version: The Image Factory's own version.
        authority: Issues the certificates; a new one by default.
        port: Of registries and releases; 0 for any free port.
        factory_port: Of the factory; 0 for any free port.

    Attributes:
        outside: The server of registries and releases: its `faults` and `requests`.
        registry: The registries' content and authentication.
        releases: The release server's files.
        factory: The Image Factory; running once `start` was called.
    """

    def __init__(
        self,
        directory: Path,
        *,
        small: bool = False,
        releases: Sequence[str] = (RELEASE,),
        factory_version: str = "v1.5.0",
        authority: Authority | None = None,
        port: int = 0,
        factory_port: int = 0,
    ) -> None:
        self._authority = authority or Authority(directory / "ca")
        self._sizes = _SMALL_SIZES if small else _LAB_SIZES
        self._certificate = self._authority.issue()
        self.registry = Registry(
            directory=None if small else directory / "blobs", without_referrers=_WITHOUT_REFERRERS
        )
        self.releases = Releases()
        self.outside = Outside(
            self.registry, self.releases, port=port, certificate=self._certificate
        )
        self._collection = Collection(
            self.registry.content,
            total_bytes=_SMALL_IMAGES_BYTES if small else _LAB_IMAGES_BYTES,
            has_referrers_api=self.registry.has_referrers_api,
        )
        self._factory_version = factory_version
        self._factory_port = factory_port
        self._factory: Factory | None = None
        self.images: dict[str, tuple[str, ...]] = {}
        for release in releases:
            self.publish(release)

    def publish(self, release: str) -> tuple[str, ...]:
        """Publish a Talos release (images, boot assets); return its image references."""
        sizes = self._sizes
        assets = Release(release, kernel_bytes=sizes.kernel, initramfs_bytes=sizes.initramfs)
        self.releases.add(assets)
        self.images[release] = self._collection.publish_release(release)
        return self.images[release]

    @property
    def factory(self) -> Factory:
        """The running Image Factory."""
        assert self._factory is not None, "start the upstream first"
        return self._factory

    @property
    def ca_file(self) -> Path:
        """PEM of the authority that all of upstream is trusted by."""
        return self._authority.ca_file

    @property
    def registry_redirects(self) -> dict[str, str]:
        """Upstream registry host → where it is here, the host as a repository prefix."""
        redirects = {host: f"{self.outside.url}/{host}" for host in REGISTRY_HOSTS}
        return {**redirects, _FACTORY_HOST: self.factory_url}

    @property
    def releases_url(self) -> str:
        """In place of `https://github.com/siderolabs/talos/releases/download`."""
        return f"{self.outside.url}/siderolabs/talos/releases/download"

    @property
    def factory_url(self) -> str:
        """In place of `https://factory.talos.dev`."""
        return self.factory.url

    def start(self) -> Self:
        """Start both servers."""
        self.outside.start()
        core = self._client("ghcr.io")
        registries = FactoryRegistries(
            core=core, schematic=self._client(_FACTORY_HOST), installer=self._client(_FACTORY_HOST)
        )
        self._factory = Factory(
            registries,
            version=self._factory_version,
            external_url=f"https://{_FACTORY_HOST}",
            sizes=self._sizes,
            port=self._factory_port,
            certificate=self._certificate,
        ).start()
        self._factory_port = self._factory.port
        return self

    def stop(self) -> None:
        """Switch upstream off; `start` switches it on again, on the same ports."""
        if self._factory is not None:
            self._factory.stop()
        self.outside.stop()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *exception: object) -> None:
        """Stop."""
        self.stop()

    def _client(self, namespace: str) -> RegistryClient:
        return RegistryClient(self.outside.url, namespace=namespace, ca_file=self.ca_file)
