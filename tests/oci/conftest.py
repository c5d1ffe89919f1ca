"""A practice registry that holds one image, and a client that does not wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airgap.net import RetryPolicy
from airgap.oci.client import RegistryAddress, RegistryClient
from lab.registry import Registry
from tests.practice_images import PracticeImage, make_image

IMPATIENT = RetryPolicy(sleep=lambda _: None)


@pytest.fixture
def image() -> PracticeImage:
    return make_image("pause", layer_bytes=3_000_000)


@pytest.fixture
def registry(image: PracticeImage) -> Iterator[Registry]:
    with Registry(deletes=True) as running:
        image.put(running.content, "siderolabs/pause", "3.10")
        yield running
    assert running.crashes == []


@pytest.fixture
def client(registry: Registry) -> Iterator[RegistryClient]:
    with RegistryClient(RegistryAddress(url=registry.url), retry=IMPATIENT) as connected:
        yield connected
