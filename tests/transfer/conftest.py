"""A practice upstream (registry and release server), a lock of it, and an empty store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from airgap.lock.model import AssetPin, ImagePin, Inputs, Lock
from airgap.net import RetryPolicy
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.store import Store
from lab.registry import Registry
from lab.releases import Release, Releases
from tests.practice_images import OCI_INDEX, PracticeImage, digest_of, make_image

IMPATIENT = RetryPolicy(sleep=lambda _: None)
VERSION = "v1.11.5"
ASSETS = ("vmlinuz-amd64", "initramfs-amd64.xz")
SHARED = b"a layer that both images have " * 5000


@dataclass(frozen=True)
class At:
    """A redirect."""

    url: str
    ca: str | None = None


@dataclass
class Upstream:
    """Everything outside: two hosts' images in one registry below their names, and a release."""

    registry: Registry
    releases: Releases
    images: dict[str, PracticeImage]

    @property
    def redirects(self) -> dict[str, At]:
        hosts = ("registry.k8s.io", "ghcr.io")
        return {host: At(f"{self.registry.url}/{host}") for host in hosts}

    def lock(self) -> Lock:
        """Pin all of it; digests by hashlib, as the practice upstream was filled."""
        return Lock(
            inputs=Inputs(talos=(VERSION,), sidero="v0.6.13"),
            images={key: pin_image(image) for key, image in self.images.items()},
            assets={f"{VERSION}/{name}": self._pin_asset(name) for name in ASSETS},
        )

    def asset(self, name: str) -> bytes:
        data = self.releases.release(VERSION).find(name)
        assert data is not None
        return data

    def _pin_asset(self, name: str) -> AssetPin:
        data = self.asset(name)
        return AssetPin(
            sha256=digest_of(data),
            sha512="sha512:" + hashlib.sha512(data).hexdigest(),
            size=len(data),
            url=f"https://github.com/siderolabs/talos/releases/download/{VERSION}/{name}",
            needed_by=("talos",),
        )


def pin_image(image: PracticeImage) -> ImagePin:
    return ImagePin(
        digest=image.digest,
        media_type=OCI_INDEX,
        size=sum(len(blob) for blob in image.blobs),
        need="kubernetes",
        needed_by=("test",),
    )


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    images = {
        "registry.k8s.io/pause:3.10": make_image("pause", shared=SHARED),
        "registry.k8s.io/etcd:3.6.5": make_image("etcd", shared=SHARED, layer_bytes=400_000),
        "ghcr.io/siderolabs/kubelet:v1.34.1": make_image("kubelet", layer_bytes=900_000),
    }
    release = Release(VERSION, kernel_bytes=300_000, initramfs_bytes=700_000)
    with Registry() as registry, Releases([release]) as releases:
        for key, image in images.items():
            repository, _, tag = key.rpartition(":")
            image.put(registry.content, repository, tag)
        yield Upstream(registry, releases, images)
        assert registry.crashes == []


@pytest.fixture
def registries(upstream: Upstream) -> Iterator[Registries]:
    with Registries(upstream.redirects, retry=IMPATIENT) as found:
        yield found


@pytest.fixture
def origins(upstream: Upstream) -> Iterator[Origins]:
    redirects = {"https://github.com": At(upstream.releases.url)}
    with Origins(redirects, retry=IMPATIENT) as found:
        yield found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)
