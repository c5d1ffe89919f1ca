"""Paths and answers of the distribution API: how they are written and read."""

from __future__ import annotations

import hashlib
import json

from airgap.digest import Digest, is_digest
from airgap.errors import IntegrityError, RegistryError, redact
from airgap.net import Answer

__all__ = ["blob_path", "check_digest", "manifest_path", "read_tags", "stated_digest"]


def manifest_path(repository: str, reference: str) -> str:
    """Return the path of a manifest by tag or digest."""
    return f"/v2/{repository}/manifests/{reference}"


def blob_path(repository: str, digest: Digest) -> str:
    """Return the path of a blob."""
    return f"/v2/{repository}/blobs/{digest}"


def stated_digest(answer: Answer) -> str:
    """Return the digest a registry states in its header, or nothing when it states none."""
    stated = answer.headers.get("docker-content-digest", "")
    return stated if is_digest(stated) else ""


def check_digest(data: bytes, expected: Digest, source: str) -> None:
    """Compare bytes with a digest.

    Raises:
        IntegrityError: They differ.
    """
    found = hashlib.new(expected.algorithm, data).hexdigest()
    if found != expected.hex:
        raise IntegrityError(f"{source}: got {expected.algorithm}:{found}, expected {expected}")


def read_tags(answer: Answer) -> list[str]:
    """Read one page of a tags list; `null` means none, as some registries write it.

    Raises:
        RegistryError: The answer is no tags list.
    """
    try:
        document: object = json.loads(answer.body)
    except ValueError:
        document = None
    tags = document.get("tags") if isinstance(document, dict) else "?"
    if tags is None:
        return []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise RegistryError(f"{redact(answer.url)}: the answer is no list of tags")
    return tags
