"""What the same tests are run against: the real Image Factory, and the practice one at its version.

Each has a registry of its own with the same catalogue; the registry is the lab's, which the real
factory takes for any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

from lab.factory import Factory, FactoryRegistries
from lab.registry import Registry
from lab.registryclient import RegistryClient
from lab.signing import PUBLIC_KEY
from tests.peers.factorycatalogue import publish_catalogue
from tests.peers.imagefactory import public_key_of, serve_image_factory
from tools.peers import Peers

__all__ = ["EXTERNAL_URL", "KINDS", "Kind", "Subject", "start_subject"]

Kind = Literal["practice", "image-factory"]
KINDS: tuple[Kind, ...] = ("practice", "image-factory")
EXTERNAL_URL = "http://factory.example:8080"
_VERSION = "v1.0.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A factory that runs.

    Attributes:
        http: Asks it.
        registry: Where it gets everything and puts everything.
        public_key: PEM of what it says that it signs with.
    """

    http: httpx.Client
    registry: Registry
    public_key: str

    def register(self, body: str) -> str:
        """Register a schematic; return its ID."""
        answer = self.http.post("/schematics", content=body.encode())
        assert answer.status_code == 201, answer.text
        document: Mapping[str, str] = answer.json()
        return document["id"]


@contextmanager
def start_subject(
    kind: Kind, peers: Peers, folder: Path, *, catalogue: bool = True
) -> Iterator[Subject]:
    """Start a registry, with or without a catalogue in it, and a factory over it."""
    with Registry() as registry:
        if catalogue:
            publish_catalogue(registry.content)
        started = _practice(registry) if kind == "practice" else _real(peers, folder, registry)
        with (
            started as (url, public_key),
            httpx.Client(base_url=url, trust_env=False, timeout=120) as http,
        ):
            yield Subject(http=http, registry=registry, public_key=public_key)
        assert registry.crashes == []


@contextmanager
def _practice(registry: Registry) -> Iterator[tuple[str, str]]:
    root = RegistryClient(registry.url)
    registries = FactoryRegistries(
        core=root,
        schematic=root,
        installer=RegistryClient(registry.url, namespace="siderolabs"),
    )
    with Factory(registries, version=_VERSION, external_url=EXTERNAL_URL) as factory:
        yield factory.url, PUBLIC_KEY
        assert factory.crashes == []


@contextmanager
def _real(peers: Peers, folder: Path, registry: Registry) -> Iterator[tuple[str, str]]:
    with serve_image_factory(
        peers, folder, registry=registry.host, external_url=EXTERNAL_URL
    ) as factory:
        yield factory.url, public_key_of(factory.signing_key)
