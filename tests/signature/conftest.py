"""A practice registry with an unsigned image, and a practice Sigstore to sign it with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from airgap.digest import Digest
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.reference import parse_reference
from airgap.signature import Attached, Discovery
from airgap.signature.verification import Known, Verdict, verify_image
from lab.registry import Registry
from lab.registryclient import RegistryClient as Pusher
from lab.sigstore import Sigstore
from tests.practice_images import PracticeImage, make_image
from tests.signature.artifacts import payload_of

REPOSITORY = "siderolabs/pause"
IDENTITY = "releases@example.com"
ISSUER = "https://accounts.example.com"
MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNER = f"keyless {ISSUER} {IDENTITY}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One image in one registry: what signs it, and what looks at it."""

    registry: Registry
    image: PracticeImage
    client: RegistryClient
    pusher: Pusher
    sigstore: Sigstore

    @property
    def digest(self) -> str:
        """The image's."""
        return self.image.digest

    def locate(self, registry_host: str, repository: str) -> tuple[RegistryClient, str]:
        """Be the source of artifacts: every host is this registry."""
        del registry_host
        return self.client, repository

    def attached(self, *subjects: str) -> tuple[Attached, ...]:
        """Look for what is attached to manifests of the image; the index by default."""
        reference = parse_reference(f"ghcr.io/{REPOSITORY}@{self.digest}")
        wanted = [Digest.parse(text) for text in subjects or (self.digest,)]
        return Discovery(self).find(reference, wanted)

    def verdict(self, known: Known | None = None) -> Verdict:
        """Tell who signed; by the practice Sigstore's trust root unless another is given."""
        digest = Digest.parse(self.digest)
        return verify_image(self.client, REPOSITORY, digest, self.attached(), known or self.known())

    def known(self, *keys: str, trust: str | None = None) -> Known:
        """Return keys and a trust root; the practice Sigstore's by default."""
        return Known.from_texts(keys, trust or self.sigstore.trusted_root())

    def payload(self) -> bytes:
        """Return the simple signing payload about the image."""
        return payload_of(self.digest)


@pytest.fixture(scope="session")
def sigstore() -> Sigstore:
    return Sigstore()


@pytest.fixture(params=["referrers API", "no referrers API"])
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    without = () if request.param == "referrers API" else ("",)
    with Registry(without_referrers=without) as running:
        yield running
    assert running.crashes == []


@pytest.fixture
def bench(registry: Registry, sigstore: Sigstore) -> Iterator[Bench]:
    image = make_image("pause")
    image.put(registry.content, REPOSITORY, "3.10")
    with (
        RegistryClient(RegistryAddress(url=registry.url)) as client,
        Pusher(registry.url) as pusher,
    ):
        yield Bench(registry=registry, image=image, client=client, pusher=pusher, sigstore=sigstore)
