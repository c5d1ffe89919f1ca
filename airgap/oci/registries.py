"""Which registry an upstream host is read from, and as which repository there."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, Self
from urllib.parse import urlsplit

from airgap.net import RetryPolicy, Traffic
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.credentials import Credentials

__all__ = ["Registries", "Source"]

_HUB = "docker.io"
_HUB_REGISTRY = "https://registry-1.docker.io"


class Source(Protocol):
    """A redirect: the URL's path is a repository prefix (`site.upstream.registries`)."""

    @property
    def url(self) -> str:
        """`scheme://host[:port][/prefix]`."""

    @property
    def ca(self) -> str | None:
        """PEM to trust instead of the machine's authorities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    address: RegistryAddress
    prefix: str


class Registries:
    """Clients for upstream hosts, one a registry, made when first asked for. Thread-safe.

    Args:
        redirects: By upstream host; a host that is not here is read where it is.
        credentials: Where credentials come from; this machine's by default.
        retry: How patiently to repeat.
        traffic: The run's, shared by all clients; unlimited and uncounted by default.
        answer_s: By upstream host, how long an answer may take to begin, where that is long: an
            Image Factory makes images when they are asked for.
    """

    def __init__(
        self,
        redirects: Mapping[str, Source] | None = None,
        *,
        credentials: Credentials | None = None,
        retry: RetryPolicy | None = None,
        traffic: Traffic | None = None,
        answer_s: Mapping[str, float] | None = None,
    ) -> None:
        self._redirects = dict(redirects or {})
        self._credentials = credentials
        self._retry = retry
        self._traffic = traffic
        self._answer_s = dict(answer_s or {})
        self._clients: dict[tuple[RegistryAddress, float | None], RegistryClient] = {}
        self._lock = threading.Lock()

    def locate(self, registry_host: str, repository: str) -> tuple[RegistryClient, str]:
        """Return the client for an upstream host, and the repository's name there."""
        place, answer_s = self._place(registry_host), self._answer_s.get(registry_host)
        with self._lock:
            client = self._clients.get((place.address, answer_s))
            if client is None:
                client = RegistryClient(
                    place.address,
                    credentials=self._credentials,
                    retry=self._retry,
                    traffic=self._traffic,
                    answer_s=answer_s,
                )
                self._clients[place.address, answer_s] = client
        return client, f"{place.prefix}/{repository}" if place.prefix else repository

    def close(self) -> None:
        """Close all clients."""
        with self._lock:
            clients = list(self._clients.values())
            self._clients.clear()
        for client in clients:
            client.close()

    def __enter__(self) -> Self:
        """Enter."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def _place(self, host: str) -> _Place:
        source = self._redirects.get(host)
        if source is None:
            if host == _HUB:
                return _Place(address=RegistryAddress(url=_HUB_REGISTRY, host=_HUB), prefix="")
            return _Place(address=RegistryAddress(url=f"https://{host}"), prefix="")
        parts = urlsplit(source.url)
        address = RegistryAddress(url=f"{parts.scheme}://{parts.netloc}", ca=source.ca)
        return _Place(address=address, prefix=parts.path.strip("/"))
