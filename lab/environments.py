"""How Sidero's manager downloads an Environment's kernel and initramfs, faults included.

Sidero v0.6.13, `controllers/environment_controller.go`: a file is fetched when it is absent or no
status condition names its URL; nothing is compared with `sha512`; the final file is opened without
truncation and written in place; five minutes for the whole download; system trust only; the status
is written when both files are there.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from lab.documents import as_mapping

__all__ = ["DownloadError", "Downloader", "environment_assets", "is_ready"]

_FILES = {"kernel": "vmlinuz", "initrd": "initramfs.xz"}
_LOOPBACK = {"127.0.0.1", "localhost"}
_MAX_REDIRECTS = 10


class DownloadError(Exception):
    """An asset could not be fetched; a part of it may be on disk under its final name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file of an Environment."""

    file: str
    url: str
    sha512: str


def environment_assets(environment: Mapping[str, object]) -> list[Asset]:
    """Return kernel and initramfs of an Environment."""
    spec = as_mapping(environment.get("spec"))
    return [
        Asset(
            file=file,
            url=str(as_mapping(spec.get(key)).get("url", "")),
            sha512=str(as_mapping(spec.get(key)).get("sha512", "")),
        )
        for key, file in _FILES.items()
    ]


def ready_urls(environment: Mapping[str, object]) -> set[str]:
    """Return the URLs that status conditions call ready."""
    conditions = as_mapping(environment.get("status")).get("conditions")
    items = conditions if isinstance(conditions, list) else []
    return {
        str(item.get("url"))
        for item in items
        if item.get("type") == "Ready" and item.get("status") == "True"
    }


def is_ready(environment: Mapping[str, object]) -> bool:
    """Tell whether every URL of the spec has a condition that is ready."""
    ready = ready_urls(environment)
    return all(asset.url in ready for asset in environment_assets(environment) if asset.url)


@dataclass(slots=True, kw_only=True)
class Downloader:
    """The controller's side of one manager pod.

    Attributes:
        directory: The pod's `/var/lib/sidero/env`.
        ca_bundle: The pod's SSL_CERT_FILE, which replaces the system's; None for the system's.
        limit_s: The time limit of one download.
        egress: URLs outside loopback it was told to fetch; refused, as without a route.
    """

    directory: Path
    ca_bundle: Path | None = None
    limit_s: float = 300.0
    egress: list[str] = field(default_factory=list)

    def reconcile(self, environment: dict[str, object]) -> None:
        """Bring one Environment to its spec, and write its status.

        Raises:
            DownloadError: Something could not be fetched; the status stays as it was.
        """
        name = str(as_mapping(environment.get("metadata")).get("name"))
        known = ready_urls(environment)
        folder = self.directory / name
        folder.mkdir(parents=True, exist_ok=True)
        for asset in environment_assets(environment):
            path = folder / asset.file
            if not path.exists() or asset.url not in known:
                self._save(asset.url, path)
        environment["status"] = {
            "conditions": [
                {"url": asset.url, "sha512": asset.sha512, "status": "True", "type": "Ready"}
                for asset in environment_assets(environment)
            ]
        }

    def _save(self, url: str, path: Path) -> None:
        if not url:
            raise DownloadError("missing URL")
        deadline = time.monotonic() + self.limit_s
        context = ssl.create_default_context(cafile=self.ca_bundle and str(self.ca_bundle))
        with httpx.Client(verify=context, trust_env=False, timeout=self.limit_s) as client:
            try:
                for _ in range(_MAX_REDIRECTS):
                    url = self._fetch(client, url, path, deadline)
                    if not url:
                        return
            except httpx.HTTPError as error:
                raise DownloadError(f"{url}: {error}") from error
        raise DownloadError(f"{url}: stopped after {_MAX_REDIRECTS} redirects")

    def _fetch(self, client: httpx.Client, url: str, path: Path, deadline: float) -> str:
        """Fetch into the file; return where a redirect leads, else nothing."""
        if urlsplit(url).hostname not in _LOOPBACK:
            self.egress.append(url)
            raise DownloadError(f"{url}: dial tcp: no route to host")
        with client.stream("GET", url) as response:
            if response.is_redirect:
                return str(response.url.join(response.headers["Location"]))
            if not response.is_success:
                raise DownloadError(f"failed to download asset: {response.status_code} {url}")
            # No O_TRUNC and no temporary file: a shorter file keeps its predecessor's tail.
            with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY, 0o666), "wb") as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)
                    if time.monotonic() > deadline:
                        raise DownloadError(f"{url}: Client.Timeout exceeded while reading body")
        return ""
