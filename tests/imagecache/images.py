"""A store with small images by hand: one of two platforms, a plain one, signatures in each form."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airgap.digest import Digest, sha256_of
from airgap.oci.manifest import OCI_INDEX, OCI_MANIFEST
from airgap.store import Store

__all__ = ["CONFIG", "LAYER", "Built", "add_image", "add_index", "add_manifest"]

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A manifest in the store, and the blobs that it names."""

    raw: bytes
    media_type: str
    blobs: tuple[Digest, ...] = ()
    children: tuple[Built, ...] = ()

    @property
    def digest(self) -> Digest:
        """Its digest."""
        return sha256_of(self.raw)

    def described(self, **more: object) -> dict[str, object]:
        """Return a descriptor of it."""
        size = len(self.raw)
        return {"mediaType": self.media_type, "digest": str(self.digest), "size": size, **more}


def add_manifest(
    store: Store, layers: Sequence[bytes], *, typed: bool = True, **more: object
) -> Built:
    """Add a manifest with these layers; `more` are further keys of it."""
    diffs = [str(sha256_of(layer)) for layer in layers]
    config = json.dumps({"os": "linux", "rootfs": {"diff_ids": diffs}}).encode()
    blobs = tuple(store.put(data) for data in (config, *layers))
    described = [
        {"mediaType": kind, "digest": str(digest), "size": store.size(digest)}
        for kind, digest in zip((CONFIG, *(LAYER for _ in layers)), blobs, strict=True)
    ]
    document: dict[str, object] = {"schemaVersion": 2, "config": described[0]}
    if typed:
        document["mediaType"] = OCI_MANIFEST
    raw = json.dumps({**document, "layers": described[1:], **more}).encode()
    store.put(raw)
    return Built(raw=raw, media_type=OCI_MANIFEST, blobs=blobs)


def add_index(store: Store, children: Mapping[str, Built]) -> Built:
    """Add an index of manifests by `os/architecture[/variant]`."""
    entries = []
    for platform, child in children.items():
        parts = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
        entries.append(child.described(platform=parts))
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    raw = json.dumps(document).encode()
    store.put(raw)
    return Built(raw=raw, media_type=OCI_INDEX, children=tuple(children.values()))


def add_image(store: Store, name: str, *, shared: bytes = b"base") -> Built:
    """Add an image of linux/amd64 and linux/arm64 with one layer in common."""
    return add_index(
        store,
        {
            f"linux/{each}": add_manifest(
                store, [gzip.compress(shared, mtime=0), f"{name} {each}".encode()]
            )
            for each in ("amd64", "arm64")
        },
    )
