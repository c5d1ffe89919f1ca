"""A Talos node as a registry sees it: resolves an image by its machine configuration, and pulls it.

Follows Talos' resolver (1.9 to 1.13): exact registry, else `*`, no inheritance between them; `/v2`
is appended to an endpoint's path unless it ends so or `overridePath` is set; the upstream registry
comes last unless `skipFallback`. This node has no way out: whatever is neither an endpoint nor
declared in-site is recorded in `egress` and refused.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

import httpx

from airgap.errors import IntegrityError
from airgap.oci import Descriptor, Manifest, Reference, parse_manifest, parse_reference
from airgap.oci.manifest import ACCEPT, MAX_MANIFEST_BYTES
from lab.machineconfig import MirrorEndpoint, RegistryConfig, read_registry_config
from lab.wire import EgressError, PullError, RefusedError, SiteWire

__all__ = ["EgressError", "Node", "PullError", "Pulled", "endpoint_base"]

_DEFAULT_HOSTS = {"docker.io": "registry-1.docker.io"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """An image a node holds completely: `blobs` are config and layers by digest, in order."""

    reference: str
    platform: str
    digest: str
    endpoint: str
    blobs: dict[str, int] = field(default_factory=dict)
    moved_bytes: int = 0


def endpoint_base(endpoint: MirrorEndpoint) -> str:
    """Return the URL that a repository's path is appended to.

    Talos' rule (`internal/pkg/containers/image/resolver.go`): an empty path becomes `/v2`; any
    other gets `/v2` appended unless it already ends with it; `overridePath` leaves it alone.
    """
    parts = urlsplit(endpoint.url)
    path = posixpath.normpath(parts.path) if parts.path.strip("/") else ""
    if not endpoint.override_path and not path.endswith("/v2"):
        path += "/v2"
    return f"{parts.scheme}://{parts.netloc}{path}"


class Node:
    """One node; keep it open over many pulls, blobs it has are not moved again.

    Args:
        config: Its machine configuration, as documents or as read.
        talos: Its Talos version; bounds what the documents may say.
        in_site: Further `host:port` it may reach besides its endpoints.
    """

    def __init__(
        self, config: str | RegistryConfig, *, talos: str = "v1.11.5", in_site: Iterable[str] = ()
    ) -> None:
        if isinstance(config, str):
            config = read_registry_config(config, talos=talos)
        self.config = config
        self._wire = SiteWire(config, in_site)
        self._held: set[str] = set()

    def __enter__(self) -> Self:
        """Open."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close all connections."""
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    @property
    def egress(self) -> list[str]:
        """URLs outside the site that were asked for, and refused."""
        return self._wire.egress

    @property
    def unverified(self) -> set[str]:
        """Hosts that were asked without verifying their certificate."""
        return self._wire.unverified

    def resolve_endpoints(self, registry: str) -> tuple[str, ...]:
        """Return the base URLs tried for a registry, in order, the upstream fallback included."""
        mirror = self.config.mirrors.get(registry) or self.config.mirrors.get("*")
        default = f"https://{_DEFAULT_HOSTS.get(registry, registry)}/v2"
        if mirror is None:
            return (default,)
        bases = tuple(endpoint_base(endpoint) for endpoint in mirror.endpoints)
        return bases if mirror.skip_fallback else (*bases, default)

    def pull(self, image: str, *, platform: str = "linux/amd64") -> Pulled:
        """Pull an image completely for a platform, by digest where the reference has one.

        Raises:
            EgressError: The node would have asked a host outside the site.
            PullError: No endpoint had it, or bytes did not match their digest.
        """
        reference = parse_reference(image)
        reasons = []
        for base in self.resolve_endpoints(reference.registry):
            try:
                return self._pull_from(base, reference, platform)
            except (httpx.HTTPError, IntegrityError, RefusedError) as error:
                reasons.append(f"{base}: {error}")
        raise PullError(f"{image}: " + ("; ".join(reasons) or "no endpoint"))

    def _pull_from(self, base: str, reference: Reference, platform: str) -> Pulled:
        repository = f"{base}/{reference.repository}"
        query = f"?ns={reference.registry}"
        top = self._manifest(repository, str(reference.digest or reference.tag), query)
        manifest = self._platform_manifest(repository, top, platform, query)
        moved = sum(self._blob(repository, blob, query) for blob in manifest.blobs)
        return Pulled(
            reference=str(reference),
            platform=platform,
            digest=str(top.digest),
            endpoint=base,
            blobs={str(blob.digest): blob.size for blob in manifest.blobs},
            moved_bytes=moved,
        )

    def _platform_manifest(
        self, repository: str, top: Manifest, platform: str, query: str
    ) -> Manifest:
        if not top.is_index:
            return top
        for child in top.children:
            if str(child.platform) == platform:
                return self._manifest(repository, str(child.digest), query, size=child.size)
        raise PullError(f"{repository}: the index has no {platform}")

    def _manifest(
        self, repository: str, reference: str, query: str, *, size: int | None = None
    ) -> Manifest:
        url = f"{repository}/manifests/{reference}{query}"
        with self._wire.get(url, accept=ACCEPT) as response:
            raw = b"".join(_bounded(response, MAX_MANIFEST_BYTES))
            manifest = parse_manifest(raw, media_type=response.headers.get("Content-Type", ""))
        stated = response.headers.get("Docker-Content-Digest", str(manifest.digest))
        wanted = reference if ":" in reference else stated
        if str(manifest.digest) != wanted or size not in (None, len(raw)):
            raise PullError(f"{url}: has digest {manifest.digest} and {len(raw)} bytes")
        return manifest

    def _blob(self, repository: str, blob: Descriptor, query: str) -> int:
        """Pull a blob unless it is held; return how many bytes moved."""
        digest = str(blob.digest)
        if digest in self._held:
            return 0
        url = f"{repository}/blobs/{digest}{query}"
        found, size = hashlib.new(blob.digest.algorithm), 0
        with self._wire.get(url) as response:
            for chunk in _bounded(response, blob.size):
                found.update(chunk)
                size += len(chunk)
        if found.hexdigest() != blob.digest.hex or size != blob.size:
            raise PullError(f"{url}: {size} bytes with digest {found.name}:{found.hexdigest()}")
        self._held.add(digest)
        return size


def _bounded(response: httpx.Response, limit: int) -> Iterator[bytes]:
    size = 0
    for chunk in response.iter_raw(1024 * 1024):
        size += len(chunk)
        if size > limit:
            raise PullError(f"{response.url}: more than {limit} bytes")
        yield chunk
