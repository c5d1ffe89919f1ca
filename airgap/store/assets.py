"""Boot assets as OCI artifacts, and the paths they are published at.

Artifact: image manifest with `artifactType`, the empty config and one layer (image specification
v1.1, manifest.md, guidelines for artifact usage). Paths: `<version>/<file>` as the plan document
has it, or `<version>/<schematic ID>/<file>` of what a factory made; `<sha512[:16]>/<file>` in the
same directory (Sidero refetches only when a URL changes), and there `checksums.txt` in sha512sum's
format. Pure: no disk, no network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from airgap.digest import Digest
from airgap.errors import IntegrityError, PublishError
from airgap.oci.manifest import OCI_MANIFEST, Manifest

__all__ = [
    "BOOT_ASSET",
    "CHECKSUMS",
    "EMPTY_CONFIG",
    "StoredAsset",
    "build_artifact",
    "check_key",
    "content_path",
    "parse_artifact",
    "render_checksums",
    "split_key",
]

BOOT_ASSET = "application/vnd.sidero-airgap.boot-asset.v1"
CHECKSUMS = "checksums.txt"
EMPTY_CONFIG = b"{}"
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_EMPTY_DIGEST = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
_TITLE = "org.opencontainers.image.title"
_SHA512 = "vnd.sidero-airgap.sha512"
_ORIGIN = "vnd.sidero-airgap.origin"
_MADE_BY = "vnd.sidero-airgap.made-by"
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(?:/[A-Za-z0-9][A-Za-z0-9._+-]*)+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAsset:
    """A boot asset; `origin` is the public URL it came from.

    `made_by` tells the factory that made it, where one did: its release and its own URL. Two
    factories make different bytes of the same origin.
    """

    sha256: Digest
    sha512: Digest
    size: int
    origin: str
    made_by: str = ""


def check_key(key: str) -> str:
    """Return a key that is fit to be a path and a name in the index: `<version>/[<ID>/]<file>`.

    Raises:
        PublishError: It is not: empty, absolute, hidden or parent components, odd characters.
    """
    if not _KEY.match(key):
        raise PublishError(f"{key!r} cannot name a boot asset: expected <version>/<file>")
    return key


def build_artifact(key: str, asset: StoredAsset) -> bytes:
    """Return the artifact manifest; the same asset always has the same bytes."""
    annotations = {_TITLE: key, _SHA512: str(asset.sha512), _ORIGIN: asset.origin}
    if asset.made_by:
        annotations[_MADE_BY] = asset.made_by
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": BOOT_ASSET,
        "config": {
            "mediaType": _EMPTY_TYPE,
            "digest": _EMPTY_DIGEST,
            "size": len(EMPTY_CONFIG),
        },
        "layers": [
            {
                "mediaType": "application/octet-stream",
                "digest": str(asset.sha256),
                "size": asset.size,
                "annotations": {_TITLE: key.rpartition("/")[2]},
            }
        ],
        "annotations": annotations,
    }
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def parse_artifact(manifest: Manifest) -> StoredAsset:
    """Read an artifact manifest; inverse of `build_artifact`.

    Raises:
        IntegrityError: It is no boot asset, or lacks what ours have.
    """
    document = json.loads(manifest.raw)
    annotations = document.get("annotations", {}) if isinstance(document, dict) else {}
    if manifest.artifact_type != BOOT_ASSET or len(manifest.blobs) != 2:
        raise IntegrityError(f"{manifest.digest} is no boot asset")
    layer = manifest.blobs[1]
    return StoredAsset(
        sha256=layer.digest,
        sha512=Digest.parse(str(annotations.get(_SHA512, ""))),
        size=layer.size,
        origin=str(annotations.get(_ORIGIN, "")),
        made_by=str(annotations.get(_MADE_BY, "")),
    )


def split_key(key: str) -> tuple[str, str]:
    """Return the directory and the file that a key or a path names."""
    directory, _, file = key.rpartition("/")
    return directory, file


def content_path(key: str, sha512: Digest) -> str:
    """Return the content-addressed path of an asset: `<its directory>/<sha512[:16]>/<file>`."""
    directory, file = split_key(key)
    return f"{directory}/{sha512.hex[:16]}/{file}"


def render_checksums(assets: Mapping[str, Digest]) -> bytes:
    """Return checksums.txt of one directory (`file -> sha512`), as sha512sum prints it."""
    return "".join(f"{assets[file].hex}  {file}\n" for file in sorted(assets)).encode()
