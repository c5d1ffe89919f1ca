"""The registry client inside the practice factory: what it pulls from, stores into and pushes to.

Only what the simulators need; the project's own client is `airgap.oci.client`, and a simulator that
used it could not catch its faults.
"""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx

from airgap.oci import Manifest, parse_manifest
from airgap.oci.manifest import ACCEPT

__all__ = ["RegistryClient", "RegistryClientError"]


class RegistryClientError(Exception):
    """The registry refused, or sent other bytes than asked for; `status` 0 for the latter."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class RegistryClient:
    """One registry with a namespace put before every repository.

    Args:
        url: `http(s)://host:port`.
        namespace: Path prefix of every repository, e.g. `ghcr.io`; may be empty.
        ca_file: Trust this authority.
        credentials: User and password for basic authentication.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "",
        ca_file: Path | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.namespace = namespace.strip("/")
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        self._http = httpx.Client(
            verify=context,
            trust_env=False,
            timeout=60,
            follow_redirects=True,
            auth=None if credentials is None else httpx.BasicAuth(*credentials),
        )

    def __enter__(self) -> Self:
        """Open."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    @property
    def host(self) -> str:
        """`host:port`."""
        return urlsplit(self.url).netloc

    def repository(self, name: str) -> str:
        """Return the full repository path."""
        return f"{self.namespace}/{name}" if self.namespace else name

    def request(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """Send a request below `/v2/<namespace>/`; return whatever comes."""
        return self._http.request(
            method, f"{self.url}/v2/{self.repository(path)}", headers=headers, content=content
        )

    def manifest(self, name: str, reference: str) -> Manifest:
        """Pull a manifest or index by tag or digest."""
        response = self.request("GET", f"{name}/manifests/{reference}", headers={"Accept": ACCEPT})
        _expect(response, 200)
        manifest = parse_manifest(response.content)
        if ":" in reference and str(manifest.digest) != reference:
            raise RegistryClientError(f"{name}: {manifest.digest} is not {reference}")
        return manifest

    def blob(self, name: str, digest: str) -> bytes:
        """Pull a blob and check its digest."""
        response = self.request("GET", f"{name}/blobs/{digest}")
        _expect(response, 200)
        found = "sha256:" + hashlib.sha256(response.content).hexdigest()
        if found != digest:
            raise RegistryClientError(f"{name}: blob {found} is not {digest}")
        return response.content

    def tags(self, name: str) -> list[str]:
        """List all tags, page by page."""
        url = f"{self.url}/v2/{self.repository(name)}/tags/list"
        tags: list[str] = []
        while url:
            response = self._http.get(url)
            _expect(response, 200)
            tags += response.json()["tags"]
            following = response.links.get("next", {}).get("url", "")
            url = urljoin(url, following) if following else ""
        return tags

    def put_blob(self, name: str, data: bytes) -> str:
        """Push a blob unless it is there; return its digest."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if self.request("HEAD", f"{name}/blobs/{digest}").status_code == 200:
            return digest
        begun = self.request("POST", f"{name}/blobs/uploads/")
        _expect(begun, 202)
        location = httpx.URL(urljoin(str(begun.url), begun.headers["Location"]))
        done = self._http.put(location.copy_merge_params({"digest": digest}), content=data)
        _expect(done, 201)
        return digest

    def put_manifest(self, name: str, raw: bytes, media_type: str, *, reference: str) -> None:
        """Push a manifest or index by tag or digest."""
        headers = {"Content-Type": media_type}
        path = f"{name}/manifests/{reference}"
        _expect(self.request("PUT", path, headers=headers, content=raw), 201)


def _expect(response: httpx.Response, status: int) -> None:
    if response.status_code != status:
        request = response.request
        raise RegistryClientError(
            f"{request.method} {request.url.path}: {response.status_code}",
            status=response.status_code,
        )
