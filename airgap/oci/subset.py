"""An index with some of its platforms only: pure, and the same bytes for the same choice.

OCI image specification v1.1, image-index.md. What is chosen stays byte for byte below the index,
in its order, with BuildKit's attestations of it (docs/attestations/attestation-storage.md: entries
for `unknown/unknown` that name a manifest by `vnd.docker.reference.digest`). An entry that states
no platform stays, since nobody can say whom it is for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import cast

from airgap.errors import IntegrityError
from airgap.oci.manifest import Descriptor, Platform, parse_manifest

__all__ = ["is_chosen", "subset_index"]

_REFERS_TO = "vnd.docker.reference.digest"
_DEFAULT_VARIANT = {"amd64": "v1", "arm64": "v8", "arm": "v7"}

_Entry = tuple[Descriptor, dict[str, object]]


def subset_index(raw: bytes, platforms: Sequence[str]) -> bytes:
    """Return the index with only the chosen platforms' manifests.

    Args:
        raw: The index, OCI or Docker.
        platforms: `os/architecture[/variant]`; without a variant, all of them. No order.

    Returns:
        The very bytes when nothing is left out; else compact JSON with the index' own keys.

    Raises:
        IntegrityError: No index, or one that has none of the platforms.
    """
    index = parse_manifest(raw, source="index")
    if not index.is_index:
        raise IntegrityError(f"{index.digest} is an image of one platform, not an index")
    document = cast("dict[str, object]", json.loads(raw))
    listed = cast("list[dict[str, object]]", document.get("manifests", []))
    entries = list(zip(index.children, listed, strict=True))
    chosen = {str(child.digest) for child, _ in entries if _is_image_of(child, platforms)}
    if not chosen:
        raise IntegrityError(f"{index.digest} has none of {', '.join(platforms)}")
    kept = [entry for entry in entries if _stays(entry, chosen)]
    if len(kept) == len(entries):
        return raw
    document["manifests"] = [entry for _, entry in kept]
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def is_chosen(platform: Platform, platforms: Iterable[str]) -> bool:
    """Tell whether a platform is one of `os/architecture[/variant]`.

    A missing variant of the platform is the architecture's usual one (arm64: v8, arm: v7).
    """
    own = platform.variant or _DEFAULT_VARIANT.get(platform.architecture, "")
    for text in platforms:
        os, _, rest = text.partition("/")
        architecture, _, variant = rest.partition("/")
        if (os, architecture) == (platform.os, platform.architecture) and variant in ("", own):
            return True
    return False


def _is_image_of(child: Descriptor, platforms: Sequence[str]) -> bool:
    return child.platform is not None and is_chosen(child.platform, platforms)


def _stays(entry: _Entry, chosen: set[str]) -> bool:
    child, document = entry
    annotations = document.get("annotations")
    subject = annotations.get(_REFERS_TO) if isinstance(annotations, dict) else None
    if subject is not None:
        return subject in chosen
    return child.platform is None or str(child.digest) in chosen
