"""Paths and answers of the distribution API: how they are written and read."""

from __future__ import annotations

import hashlib
import json
import re

from airgap.digest import Digest, is_digest
from airgap.errors import IntegrityError, RegistryError, redact
from airgap.net import Answer

__all__ = [
    "blob_path",
    "check_digest",
    "error_codes",
    "last_byte",
    "manifest_path",
    "read_tags",
    "stated_digest",
    "uploads_path",
]

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z", re.ASCII)
_UPLOAD_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,18})\Z", re.ASCII)


def manifest_path(repository: str, reference: str) -> str:
    """Return the path of a manifest by tag or digest."""
    return f"/v2/{repository}/manifests/{reference}"


def blob_path(repository: str, digest: Digest) -> str:
    """Return the path of a blob."""
    return f"/v2/{repository}/blobs/{digest}"


def uploads_path(repository: str) -> str:
    """Return the path where uploads of blobs begin."""
    return f"/v2/{repository}/blobs/uploads/"


def stated_digest(answer: Answer) -> str:
    """Return the digest a registry states in its header, or nothing when it states none."""
    stated = answer.headers.get("docker-content-digest", "")
    return stated if is_digest(stated) else ""


def last_byte(answer: Answer) -> int | None:
    """Return the end of an upload's Range header, `0-<last>`; None when there is none to use."""
    match = _UPLOAD_RANGE.match(answer.headers.get("range", "").strip())
    return int(match[1]) if match else None


def error_codes(answer: Answer) -> frozenset[str]:
    """Return the codes of an answer in the specification's error form; empty for any other."""
    try:
        document: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        return frozenset()
    errors = document.get("errors") if isinstance(document, dict) else None
    items = errors if isinstance(errors, list) else []
    return frozenset(str(item.get("code")) for item in items if isinstance(item, dict))


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
        RegistryError: The answer is no tags list, or one of its names is no tag.
    """
    try:
        document: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        document = None
    tags = document.get("tags") if isinstance(document, dict) else "?"
    if tags is None:
        return []
    if not isinstance(tags, list):
        raise RegistryError(f"{redact(answer.url)}: the answer is no list of tags")
    for tag in tags:
        if not isinstance(tag, str) or not _TAG.match(tag):
            raise RegistryError(f"{redact(answer.url)}: lists {str(tag)[:140]!r}, which is no tag")
    return tags
