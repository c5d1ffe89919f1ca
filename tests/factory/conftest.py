"""A practice factory over a small practice upstream, and its client without patience."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from airgap.factory import FactoryClient
from airgap.net import RetryPolicy
from airgap.oci.credentials import Credential
from airgap.progress import Report
from lab.factory import Factory, FactoryRegistries
from lab.objectstore import ObjectStore
from lab.registryclient import RegistryClient
from lab.upstream import RELEASE, Upstream

IMPATIENT = RetryPolicy(attempts=3, sleep=lambda _: None)
MakeFactory = Callable[..., Factory]
_numbers = count()


class Login:
    """A machine that has one user and password for every host, and remembers who asked."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    def find(self, host: str) -> Credential:
        self.hosts.append(host)
        return Credential(username="somebody", password="secret")


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """What factories build from: shared, nobody changes it."""
    with Upstream(tmp_path_factory.mktemp("upstream"), small=True) as running:
        yield running


@pytest.fixture
def make_factory(collection: Upstream) -> Iterator[MakeFactory]:
    """Start factories over plain HTTP, each with a schematic repository of its own."""
    running: list[Factory] = []

    def make(
        version: str = "v1.5.0", *, port: int = 0, object_store: ObjectStore | None = None
    ) -> Factory:
        def registry(namespace: str) -> RegistryClient:
            url = collection.outside.url
            return RegistryClient(url, namespace=namespace, ca_file=collection.ca_file)

        own = registry(f"practice-{next(_numbers)}")
        registries = FactoryRegistries(core=registry("ghcr.io"), schematic=own, installer=own)
        factory = Factory(
            registries,
            version=version,
            external_url="https://factory.practice.example",
            port=port,
            object_store=object_store,
        )
        running.append(factory.start())
        return factory

    yield make
    for factory in running:
        factory.stop()
        assert factory.crashes == []


@pytest.fixture
def factory(make_factory: MakeFactory) -> Factory:
    """One factory."""
    return make_factory()


@pytest.fixture
def told() -> list[Report]:
    """What the client has told of."""
    return []


@pytest.fixture
def client(factory: Factory, told: list[Report]) -> Iterator[FactoryClient]:
    """Its client."""
    with FactoryClient(
        factory.url, version="v1.5.0", retry=IMPATIENT, progress=told.append, every_s=0.01
    ) as connected:
        yield connected


__all__ = ["IMPATIENT", "RELEASE", "Login", "MakeFactory"]
