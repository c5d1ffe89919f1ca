"""A store with images and assets, a site's registry and mirror, and the providers' surroundings."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap.digest import Digest
from airgap.oci.manifest import Descriptor
from airgap.store import Store, StoredAsset
from lab.registry import Registry
from tests.practice_images import OCI_INDEX, PracticeImage, digest_of, make_image
from tests.web_directory import WebDirectory

ASSETS = {
    "v1.11.5/vmlinuz-amd64": b"MZ kernel " * 5000,
    "v1.11.5/initramfs-amd64.xz": b"initramfs " * 9000,
}


@pytest.fixture
def images() -> dict[str, PracticeImage]:
    return {
        "registry.k8s.io/pause:3.10": make_image("pause"),
        "registry.k8s.io/etcd:3.6.5": make_image("etcd"),
        "registry.k8s.io/etcd:3.6.6": make_image("etcd new"),
    }


@pytest.fixture
def store(
    tmp_path: Path, images: dict[str, PracticeImage], monkeypatch: pytest.MonkeyPatch
) -> Store:
    """A full store, where `AIRGAP_STORE` says; the project is another empty directory."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv("AIRGAP_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["pytest"])
    found = Store.open(tmp_path / "store", create=True)
    for key, image in images.items():
        for data in (*image.blobs, *image.children, image.index):
            found.put(data)
        digest = Digest.parse(image.digest)
        found.name({key: Descriptor(media_type=OCI_INDEX, digest=digest, size=len(image.index))})
    for key, data in ASSETS.items():
        found.put(data)
        found.add_asset(key, stored(data))
    return found


def stored(data: bytes) -> StoredAsset:
    return StoredAsset(
        sha256=Digest.parse(digest_of(data)),
        sha512=Digest("sha512", hashlib.sha512(data).hexdigest()),
        size=len(data),
        origin="https://github.com/siderolabs/talos",
    )


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry(deletes=True) as running:
        yield running
    assert running.crashes == []


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebDirectory]:
    with WebDirectory(tmp_path / "www") as running:
        yield running
    assert running.crashes == []


@pytest.fixture
def image_inputs(registry: Registry, images: dict[str, PracticeImage]) -> dict[str, object]:
    """As the engine hands them over: `pause` once, `etcd` in two versions."""
    old, new = (images[f"registry.k8s.io/etcd:3.6.{patch}"].digest for patch in (5, 6))
    return {
        "set": "kubernetes",
        "destination": {
            "kind": "existing",
            "endpoint": registry.url,
            "pathPrefix": "",
            "layout": "prefix",
            "overwrite": False,
        },
        "images": {
            "registry.k8s.io/pause": f"3.10@{images['registry.k8s.io/pause:3.10'].digest}",
            "registry.k8s.io/etcd": [f"3.6.5@{old}", f"3.6.6@{new}"],
        },
        "onDelete": "retain",
    }


@pytest.fixture
def asset_inputs(web: WebDirectory) -> dict[str, object]:
    """Sizes are floats, as the engine hands numbers over."""
    return {
        "set": "talos-v1.11.5",
        "destination": {"kind": "directory", "url": web.mirror_url, "path": str(web.directory)},
        "assets": {
            key: {
                "sha256": str(stored(data).sha256),
                "sha512": str(stored(data).sha512),
                "size": float(len(data)),
            }
            for key, data in ASSETS.items()
        },
        "onDelete": "retain",
    }
