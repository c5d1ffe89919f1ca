"""A schematic put where a factory keeps it, so that a factory need not run to know it.

As siderolabs/image-factory v1.0 to v1.5 write it (`internal/schematic/storage/registry`): the
canonical text is a layer whose digest is the ID; the factory reads that blob alone, and a Docker
manifest tagged by the ID keeps a registry's clean-up away from it.
"""

from __future__ import annotations

import json

from airgap.digest import Digest, sha256_of
from airgap.errors import RegistryError
from airgap.oci.client import RegistryClient
from airgap.oci.manifest import Descriptor, Manifest, parse_manifest
from airgap.oci.sources import BytesSource

__all__ = ["has_schematic", "seed_schematic"]

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_LAYER = "application/vnd.sidero.dev-image.schematic"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LONG_AGO = "0001-01-01T00:00:00Z"


def has_schematic(client: RegistryClient, repository: str, identity: str) -> bool:
    """Tell whether a factory that keeps its schematics in a repository knows one, for good.

    Raises:
        RegistryError: Refused, or out of reach.
    """
    layer = Digest("sha256", identity)
    try:
        manifest = client.manifest(repository, identity)
    except RegistryError as error:
        if error.status == 404:
            return False
        raise
    is_kept = layer in {blob.digest for blob in manifest.blobs}
    return is_kept and client.has_blob(repository, layer)


def seed_schematic(client: RegistryClient, repository: str, text: str) -> str:
    """Bring a schematic's canonical text into a factory's repository, and return its ID.

    Raises:
        RegistryError: Refused, or out of reach.
    """
    layer = text.encode()
    identity = sha256_of(layer).hex
    if has_schematic(client, repository, identity):
        return identity
    config = _config(sha256_of(layer))
    for media_type, data in ((_LAYER, layer), (_CONFIG, config)):
        client.upload_blob(repository, _descriptor(media_type, data), BytesSource(data))
    client.put_manifest(repository, identity, _manifest(layer, config))
    return identity


def _config(layer: Digest) -> bytes:
    """Return the configuration of an image that is for no platform."""
    document = {
        "architecture": "",
        "created": _LONG_AGO,
        "history": [{"created": _LONG_AGO}],
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": [str(layer)]},
        "config": {},
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _manifest(layer: bytes, config: bytes) -> Manifest:
    document = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _entry(_CONFIG, config),
        "layers": [_entry(_LAYER, layer)],
    }
    raw = json.dumps(document, separators=(",", ":")).encode()
    return parse_manifest(raw, media_type=_MANIFEST)


def _entry(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(data), "digest": str(sha256_of(data))}


def _descriptor(media_type: str, data: bytes) -> Descriptor:
    return Descriptor(media_type=media_type, digest=sha256_of(data), size=len(data))
