"""A store, and a cache's content of two images."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.plan.cache_content import CacheContent
from airgap.store import Store
from tests.imagecache.images import Built, add_image

__all__: list[str] = []


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store.open(tmp_path / "store", create=True)


@pytest.fixture
def kubelet(store: Store) -> Built:
    """An image of two platforms."""
    return add_image(store, "kubelet")


@pytest.fixture
def pause(store: Store) -> Built:
    """Another one, whose first layer is the same."""
    return add_image(store, "pause")


@pytest.fixture
def content(kubelet: Built, pause: Built) -> CacheContent:
    """Both, for amd64."""
    return CacheContent(
        platforms=("linux/amd64",),
        images={
            "ghcr.io/siderolabs/kubelet:v1.34.1": str(kubelet.digest),
            "registry.k8s.io/pause:3.10": str(pause.digest),
        },
    )
