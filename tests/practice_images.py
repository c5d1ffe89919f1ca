"""Small images for tests, written by hand from the OCI image specification v1.1."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from lab.content import Content

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(data: bytes) -> str:
    """Return `sha256:<hex>`, by hashlib alone."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class PracticeImage:
    """A multi-platform image: its index, its children, its blobs."""

    index: bytes
    children: tuple[bytes, ...]
    blobs: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        """The index' digest."""
        return digest_of(self.index)

    def put(self, content: Content, repository: str, tag: str) -> None:
        """Put it into a practice registry."""
        for blob in self.blobs:
            content.add_blob(repository, blob)
        for child in self.children:
            content.put_manifest(repository, child)
        content.put_manifest(repository, self.index, tag=tag)


def make_image(name: str, *, shared: bytes = b"", layer_bytes: int = 3000) -> PracticeImage:
    """Make an image for amd64 and arm64: one layer each, and a shared one where given."""
    children, blobs, entries = [], [], []
    for arch in ("amd64", "arm64"):
        config = json.dumps({"architecture": arch, "os": "linux", "name": name}).encode()
        layer = (f"{name} {arch} ".encode() * layer_bytes)[:layer_bytes]
        layers = [layer, *([shared] if shared else [])]
        child = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": _descriptor(CONFIG, config),
                "layers": [_descriptor(LAYER, item) for item in layers],
            }
        ).encode()
        children.append(child)
        blobs += [config, *layers]
        platform = {"platform": {"os": "linux", "architecture": arch}}
        entries.append(_descriptor(OCI_MANIFEST, child) | platform)
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return PracticeImage(json.dumps(document).encode(), tuple(children), tuple(blobs))


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
