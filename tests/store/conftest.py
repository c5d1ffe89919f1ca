"""A store, images to fill it with, and a reader of layouts that shares no code with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airgap.digest import Digest
from airgap.oci.manifest import OCI_INDEX, OCI_MANIFEST, Descriptor
from airgap.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An index of two platforms by its parts."""

    index: Descriptor
    manifests: tuple[Descriptor, ...]
    blobs: tuple[Descriptor, ...]


def describe(media_type: str, data: bytes) -> Descriptor:
    """Return the descriptor of bytes, hashed here and not by the product."""
    digest = Digest("sha256", hashlib.sha256(data).hexdigest())
    return Descriptor(media_type=media_type, digest=digest, size=len(data))


def as_json(descriptor: Descriptor) -> dict[str, object]:
    return {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }


def add_blob(store: Store, media_type: str, data: bytes) -> Descriptor:
    store.put(data)
    return describe(media_type, data)


def make_image(store: Store, seed: str) -> Image:
    """Put a two-platform image (image specification v1.1) into a store, without naming it."""
    manifests, blobs, children = [], [], []
    for architecture in ("amd64", "arm64"):
        config = {
            "architecture": architecture,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": []},
            "author": seed,
        }
        config_blob = add_blob(
            store, "application/vnd.oci.image.config.v1+json", json.dumps(config).encode()
        )
        layer = add_blob(
            store,
            "application/vnd.oci.image.layer.v1.tar+gzip",
            f"{seed} layer {architecture}".encode(),
        )
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": as_json(config_blob),
            "layers": [as_json(layer)],
        }
        manifest = add_blob(store, OCI_MANIFEST, json.dumps(document).encode())
        manifests.append(manifest)
        blobs += [config_blob, layer]
        platform = {"os": "linux", "architecture": architecture}
        children.append({**as_json(manifest), "platform": platform})
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}
    index = add_blob(store, OCI_INDEX, json.dumps(document).encode())
    return Image(index=index, manifests=tuple(manifests), blobs=tuple(blobs))


@dataclass(frozen=True, slots=True)
class ReadLayout:
    """What an independent reader found: all blobs that the names reach, and the names."""

    blobs: dict[str, bytes]
    names: dict[str, dict[str, Any]]


def read_layout(root: Path) -> ReadLayout:
    """Read a layout as image-layout.md of the OCI image specification v1.1 tells a reader to.

    "oci-layout" must be JSON with imageLayoutVersion; index.json must be an image index; the
    content of blobs/<alg>/<encoded> must match the digest <alg>:<encoded>.
    """
    assert json.loads((root / "oci-layout").read_text())["imageLayoutVersion"] == "1.0.0"
    top = json.loads((root / "index.json").read_text())
    assert top["schemaVersion"] == 2
    blobs: dict[str, bytes] = {}
    names = {
        entry["annotations"]["org.opencontainers.image.ref.name"]: entry
        for entry in top["manifests"]
        if "org.opencontainers.image.ref.name" in entry.get("annotations", {})
    }
    pending = list(top["manifests"])
    while pending:
        descriptor = pending.pop()
        algorithm, _, encoded = descriptor["digest"].partition(":")
        data = (root / "blobs" / algorithm / encoded).read_bytes()
        assert hashlib.new(algorithm, data).hexdigest() == encoded
        assert len(data) == descriptor["size"]
        blobs[descriptor["digest"]] = data
        if descriptor["mediaType"].endswith(("index.v1+json", "manifest.v1+json")):
            document = json.loads(data)
            pending += document.get("manifests", []) + document.get("layers", [])
            pending += [document["config"]] if "config" in document else []
    return ReadLayout(blobs, names)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


@pytest.fixture
def image(store: Store) -> Image:
    return make_image(store, "first")


@pytest.fixture
def another_image(store: Store) -> Callable[[str], Image]:
    return lambda seed: make_image(store, seed)


@pytest.fixture
def layout() -> Callable[[Path], ReadLayout]:
    return read_layout


@pytest.fixture
def descriptor_of() -> Callable[[str, bytes], Descriptor]:
    return describe
