"""Descriptors, manifests and indexes: OCI image specification v1.1 and Docker's schema 2.

Bytes of a manifest are never rewritten: a `Manifest` keeps the raw bytes it was read from.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeGuard

from airgap.digest import Digest, is_digest, sha256_of
from airgap.errors import IntegrityError

__all__ = [
    "ACCEPT",
    "INDEX_TYPES",
    "MANIFEST_TYPES",
    "MAX_MANIFEST_BYTES",
    "OCI_INDEX",
    "OCI_MANIFEST",
    "Descriptor",
    "Manifest",
    "Platform",
    "parse_manifest",
]

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPES = (OCI_INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFEST_TYPES = (OCI_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")
ACCEPT = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
"""Distribution specification v1.1: a registry should accept manifests up to 4 MiB."""
_MAX_SIZE = 2**63 - 1
"""Image specification v1.1, "Descriptors": a size is an int64."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Platform:
    """`os/architecture[/variant]`."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        """Return `os/architecture[/variant]`."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A blob or manifest by media type, digest and size in bytes."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    artifact_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A manifest or index as read: its raw bytes, and what it names.

    `children` are the manifests of an index; `blobs` are the config and the layers of a manifest.
    """

    raw: bytes
    media_type: str
    digest: Digest
    children: tuple[Descriptor, ...] = ()
    blobs: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    artifact_type: str = ""

    @property
    def is_index(self) -> bool:
        """Whether this is an index (OCI) or manifest list (Docker)."""
        return self.media_type in INDEX_TYPES

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor of these very bytes."""
        return Descriptor(media_type=self.media_type, digest=self.digest, size=len(self.raw))


def parse_manifest(raw: bytes, *, media_type: str = "", source: str = "manifest") -> Manifest:
    """Read the bytes of a manifest or an index.

    Args:
        raw: As the registry sent them.
        media_type: The registry's Content-Type; the document's own must not contradict it.
        source: What to call the document in an error.

    Raises:
        IntegrityError: Not JSON, too large, an unknown media type, or a malformed descriptor.
    """
    if len(raw) > MAX_MANIFEST_BYTES:
        raise IntegrityError(f"{source}: {len(raw)} bytes is more than a manifest may have (4 MiB)")
    document = _load(raw, source)
    kind = _media_type(document, media_type, source)
    if kind in INDEX_TYPES:
        children = tuple(
            _descriptor(item, source) for item in _items(document, "manifests", source)
        )
        return Manifest(
            raw=raw,
            media_type=kind,
            digest=sha256_of(raw),
            children=children,
            subject=_subject(document, source),
            artifact_type=_text(document, "artifactType"),
        )
    layers = [_descriptor(item, source) for item in _items(document, "layers", source)]
    config = _descriptor(document.get("config"), source)
    return Manifest(
        raw=raw,
        media_type=kind,
        digest=sha256_of(raw),
        blobs=(config, *layers),
        subject=_subject(document, source),
        artifact_type=_text(document, "artifactType") or config.media_type,
    )


def _load(raw: bytes, source: str) -> dict[str, object]:
    try:
        document: object = json.loads(raw)
    except RecursionError:
        raise IntegrityError(f"{source}: JSON nested too deeply for a manifest") from None
    except ValueError as error:
        raise IntegrityError(f"{source}: not JSON ({error}); it begins {raw[:40]!r}") from None
    if not _is_mapping(document):
        raise IntegrityError(f"{source}: expected a JSON object")
    return document


def _media_type(document: dict[str, object], header: str, source: str) -> str:
    own = _text(document, "mediaType")
    stated = header.partition(";")[0].strip()
    known = (*INDEX_TYPES, *MANIFEST_TYPES)
    if own and stated in known and own != stated:
        raise IntegrityError(f"{source}: says {own}, but was sent as {stated}")
    kind = own or (stated if stated in known else "")
    if not kind:
        kind = OCI_INDEX if "manifests" in document else OCI_MANIFEST
    if kind not in known:
        raise IntegrityError(
            f"{source}: media type {kind[:80]!r} is neither a manifest nor an index"
        )
    return kind


def _descriptor(value: object, source: str) -> Descriptor:
    if not _is_mapping(value):
        raise IntegrityError(f"{source}: a descriptor is missing or no object")
    digest, size = _text(value, "digest"), value.get("size")
    if not is_digest(digest) or not _is_size(size):
        raise IntegrityError(
            f"{source}: bad descriptor: digest {digest[:80]!r}, size {str(size)[:30]!r}"
        )
    return Descriptor(
        media_type=_text(value, "mediaType"),
        digest=Digest.parse(digest),
        size=size,
        platform=_platform(value.get("platform")),
        artifact_type=_text(value, "artifactType"),
    )


def _platform(value: object) -> Platform | None:
    if not _is_mapping(value):
        return None
    return Platform(
        os=_text(value, "os"),
        architecture=_text(value, "architecture"),
        variant=_text(value, "variant"),
    )


def _subject(document: dict[str, object], source: str) -> Descriptor | None:
    value = document.get("subject")
    return None if value is None else _descriptor(value, source)


def _items(document: dict[str, object], key: str, source: str) -> list[object]:
    value = document.get(key, [])
    if not isinstance(value, list):
        raise IntegrityError(f"{source}: {key} is no list")
    return value


def _text(document: dict[str, object], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _is_size(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_SIZE


def _is_mapping(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)
