"""A small image, as it lies in an image cache: an index of two platforms, one of which is there."""

from __future__ import annotations

import hashlib
import json

__all__ = ["CONFIG", "HOME", "INDEX", "LAYER", "PLATFORM", "cached_image", "digest_of", "file_name"]

HOME = "manifests/ghcr.io/siderolabs/installer"
_OCI = "application/vnd.oci.image"


def digest_of(data: bytes) -> str:
    """Return the sha256 digest of bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def file_name(digest: str) -> str:
    """Return the name that a digest's file has in a cache."""
    return digest.replace(":", "-")


CONFIG, LAYER = b"{}", b"layer"
PLATFORM = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": {"digest": digest_of(CONFIG)},
        "layers": [{"digest": digest_of(LAYER)}],
    }
).encode()
INDEX = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.index.v1+json",
        "manifests": [
            {"digest": digest_of(PLATFORM), "platform": {"os": "linux", "architecture": "amd64"}},
            {"digest": digest_of(b"absent"), "platform": {"os": "linux", "architecture": "arm64"}},
        ],
    }
).encode()


def cached_image(home: str = HOME, tag: str = "v1.11.5") -> dict[str, bytes]:
    """Return the files of the image, tagged, in a repository's directory."""
    return {
        f"{home}/reference/{tag}": INDEX,
        f"{home}/digest/{file_name(digest_of(INDEX))}": INDEX,
        f"{home}/digest/{file_name(digest_of(PLATFORM))}": PLATFORM,
        f"blob/{file_name(digest_of(CONFIG))}": CONFIG,
        f"blob/{file_name(digest_of(LAYER))}": LAYER,
    }
