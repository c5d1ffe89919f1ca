"""The connected side with real programs: a registry that clients filled, and a release server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lab.catalogue import default_images, sidero_images
from tests.peers.certificates import Certificates
from tests.peers.clients import Crane, Skopeo
from tests.peers.processes import free_port
from tests.peers.realistic import RealImage, write_release
from tests.peers.registries import serve_registry
from tests.peers.webserver import serve_directory
from tools.peers import Peers

__all__ = ["SIDERO", "WORKLOAD", "RealUpstream", "images_of"]

SIDERO = "v0.6.13"
WORKLOAD = "docker.io/library/openjdk:17"
_HOSTS = ("docker.io", "gcr.io", "ghcr.io", "registry.k8s.io")
_DOWNLOADS = "siderolabs/talos/releases/download"


def images_of(release: str) -> tuple[str, ...]:
    """Return what a site of that Talos release needs: as `talosctl image default` lists it.

    With Sidero's own images and one of the site's.
    """
    return (*default_images(release), *sidero_images(SIDERO), WORKLOAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealUpstream:
    """A distribution v3 and an nginx, off except within `on`; each time at the same address.

    The registry has public hosts as first path component, as a company's pull-through cache may.
    """

    peers: Peers
    certificates: Certificates
    folder: Path
    registry_port: int = field(default_factory=free_port)
    web_port: int = field(default_factory=free_port)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Let both answer while the block lasts."""
        with (
            serve_registry(
                self.peers,
                "registry",
                self.certificates,
                self.folder / "registry",
                self.registry_port,
            ),
            serve_directory(
                self.peers, self._www, self.certificates, self.folder / "nginx", self.web_port
            ),
        ):
            yield

    def redirects(self, ca_file: str) -> Mapping[str, object]:
        """Return the site's `upstream` that leads here."""
        registry, web = (f"https://{host}" for host in (self._host, f"127.0.0.1:{self.web_port}"))
        return {
            "registries": {
                host: {"url": f"{registry}/{host}", "caFile": ca_file} for host in _HOSTS
            },
            "releases": {"url": f"{web}/{_DOWNLOADS}", "caFile": ca_file},
        }

    def release_folder(self, release: str) -> Path:
        """Return where a release's files lie."""
        return self._www / _DOWNLOADS / release

    def publish_release(self, release: str, *, freight_bytes: int) -> None:
        """Put a release there, with an initramfs as large as its freight; see `write_release`."""
        write_release(self.peers, self.release_folder(release), release, freight_bytes)

    def push_images(
        self,
        references: set[str],
        crane: Crane,
        skopeo: Skopeo,
        *,
        small: RealImage,
        large: RealImage,
    ) -> dict[str, str]:
        """Fill the registry, which has to be on; return the digests it then tells crane.

        Every name gets the small image but the workload's, which gets the large one. Those of
        registry.k8s.io get Docker's media types, as the real ones have.
        """
        for reference in sorted(references):
            place = f"{self._host}/{reference}"
            if reference == WORKLOAD:
                skopeo.push(large.layout, place)
            elif reference.startswith("registry.k8s.io/"):
                skopeo.push(small.layout, place, "--format=v2s2")
            else:
                crane.push(small.layout, place)
        return {reference: crane.digest(f"{self._host}/{reference}") for reference in references}

    @property
    def _host(self) -> str:
        return f"127.0.0.1:{self.registry_port}"

    @property
    def _www(self) -> Path:
        return self.folder / "www"
