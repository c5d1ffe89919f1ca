"""Talos' registryd: what a node finds in an image cache that it has.

The rules are those of `internal/app/machined/pkg/system/services/registry` (Talos v1.9.6, v1.11.5,
v1.12.11, v1.13.9): a tag is followed only if the same bytes lie under their digest too; without a
namespace a request fails up to 1.11, later the first registry that has the repository is taken;
an absent tag is not found, an absent digest is an internal error up to 1.11;
a manifest that does not name its media type fails up to 1.12. Nothing is verified but that: a
client does, and so does `pull`. Written from the rules, not from our writer of caches.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from airgap.imagecache.tree import Tree
from lab.cacheroots import CacheFile, open_root

__all__ = ["Found", "MissedError", "PulledFromCache", "Registryd"]

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An answer of registryd's; `file` is its body."""

    status: int
    media_type: str = ""
    digest: str = ""
    file: CacheFile | None = None
    why: str = ""

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.file.pieces()) if self.file else b""


class MissedError(Exception):
    """A node could not pull an image out of a cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledFromCache:
    """What a node has of an image: its root's digest, its platform's, and blobs in order."""

    digest: str
    platform_digest: str
    blobs: tuple[str, ...]


class _RefusedError(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.answer = Found(status=status, why=why)


class Registryd:
    """A node's registryd over its image cache.

    Args:
        roots: The caches it has, the preferred one first (a disk's before a medium's).
        talos: The release whose rules it follows.
    """

    def __init__(self, roots: Sequence[Path | Tree], *, talos: str) -> None:
        self._roots = [open_root(root) for root in roots]
        minor = int(talos.removeprefix("v").split(".")[1])
        self._finds_namespace = minor >= 12
        # Up to 1.11 it does not recognise that a file is absent in all of several roots.
        self._absent = 404 if minor >= 12 else 500
        self._infers_media_type = minor >= 13

    def manifest(self, name: str, reference: str, ns: str | None) -> Found:
        """Answer `GET /v2/<name>/manifests/<reference>?ns=<ns>`."""
        try:
            folder, digest = self._resolve(name, reference, ns)
            file = self._file(f"manifests/{folder}/digest/{_file_name(digest)}")
            if file is None:
                raise _RefusedError(self._absent, f"{digest} is no manifest of {folder}")
            return Found(status=200, media_type=self._media_type(file), digest=digest, file=file)
        except _RefusedError as refused:
            return refused.answer

    def blob(self, name: str, reference: str, ns: str | None) -> Found:
        """Answer `GET /v2/<name>/blobs/<reference>?ns=<ns>`; whose blob it is does not matter."""
        try:
            _, digest = self._resolve(name, reference, ns)
            file = self._file(f"blob/{_file_name(digest)}")
            if file is None:
                raise _RefusedError(self._absent, f"there is no blob {digest}")
            return Found(status=200, digest=digest, file=file)
        except _RefusedError as refused:
            return refused.answer

    def pull(self, reference: str, platform: str = "linux/amd64") -> PulledFromCache:
        """Pull an image as a node's containerd does: tag, index, manifest, config and layers.

        Args:
            reference: `registry/repository:tag`, `…@digest` or both; the registry is not left out.
            platform: Of the node.

        Raises:
            MissedError: Something is not there, or is not what its digest says.
        """
        ns, _, rest = reference.partition("/")
        rest, _, digest = rest.partition("@")
        name, _, tag = rest.partition(":")
        root = self._verified(self.manifest(name, digest or tag, ns), reference)
        chosen = root
        if "manifests" in (document := _document(root)):
            child = _child(document, platform, reference)
            chosen = self._verified(self.manifest(name, child, ns), f"{reference} {platform}")
        document = _document(chosen)
        descriptors = [document["config"], *_items(document, "layers")]
        blobs = tuple(str(_mapping(each)["digest"]) for each in descriptors)
        for blob in blobs:
            self._verified(self.blob(name, blob, ns), f"{reference} {blob}")
        return PulledFromCache(digest=root.digest, platform_digest=chosen.digest, blobs=blobs)

    def _verified(self, found: Found, what: str) -> Found:
        if found.file is None:
            raise MissedError(f"{what}: {found.status}: {found.why}")
        if (digest := _hash(found.file)) != found.digest:
            raise MissedError(f"{what}: {digest}, expected {found.digest}")
        return found

    def _resolve(self, name: str, reference: str, ns: str | None) -> tuple[str, str]:
        """Return the repository's folder below `manifests/`, and the digest that is meant."""
        ns = ns or self._find_namespace(name, reference)
        if reference.startswith("sha256:"):
            if not _DIGEST.fullmatch(reference):
                raise _RefusedError(400, f"{reference} is no digest")
            return _folder(name, ns), reference
        if not _TAG.fullmatch(reference):
            raise _RefusedError(400, f"{reference} is no tag")
        folder = _folder(name, ns)
        tagged = self._file(f"manifests/{folder}/reference/{reference}")
        if tagged is None:
            raise _RefusedError(404, f"{folder} has no tag {reference}")
        digest = _hash(tagged)
        twin = self._file(f"manifests/{folder}/digest/{_file_name(digest)}")
        if twin is None or _hash(twin) != digest:
            raise _RefusedError(500, f"{folder}:{reference} does not lie under its digest {digest}")
        return folder, digest

    def _find_namespace(self, name: str, reference: str) -> str:
        """Find the first registry that has a repository, by its directory `reference`."""
        if self._finds_namespace:
            for entry in sorted({n for root in self._roots for n in root.names("manifests")}):
                registry = _registry(entry)
                folder = _folder(name, registry)
                if any(root.is_directory(f"manifests/{folder}/reference") for root in self._roots):
                    return registry
        raise _RefusedError(400, f"{name}:{reference} without a namespace")

    def _media_type(self, file: CacheFile) -> str:
        try:
            document = _mapping(json.loads(b"".join(file.pieces())))
        except (ValueError, MissedError) as error:
            raise _RefusedError(500, f"a manifest is no JSON object: {error}") from None
        stated = document.get("mediaType", "")
        if isinstance(stated, str) and stated:
            return stated
        if self._infers_media_type and "manifests" in document:
            return _INDEX
        if self._infers_media_type and document.keys() & {"config", "layers"}:
            return _MANIFEST
        raise _RefusedError(500, "a manifest does not say its media type")

    def _file(self, path: str) -> CacheFile | None:
        return next((file for root in self._roots if (file := root.file(path))), None)


def _registry(entry: str) -> str:
    """Return the registry that a directory below `manifests/` is of: the last `_` ends a port."""
    parts = entry.split("_", 2)
    return f"{parts[0]}:{parts[1]}{parts[2]}" if len(parts) == 3 else entry


def _folder(name: str, ns: str) -> str:
    """Normalise a repository as distribution's reference package does, and escape a port."""
    first, _, rest = f"{ns}/{name}".partition("/")
    if "." in first or ":" in first or first == "localhost" or first != first.lower():
        domain, path = first, rest
    else:
        domain, path = "docker.io", f"{ns}/{name}"
    domain = "docker.io" if domain == "index.docker.io" else domain
    if domain == "docker.io" and "/" not in path:
        path = f"library/{path}"
    if not _DOMAIN.fullmatch(domain) or not all(map(_COMPONENT.fullmatch, path.split("/"))):
        raise _RefusedError(400, f"{ns}/{name} is no repository")
    host, colon, port = ns.rpartition(":")
    return f"{host}_{port}_/{path}" if colon and host else f"{domain}/{path}"


def _file_name(digest: str) -> str:
    return digest.replace("sha256:", "sha256-")


def _hash(file: CacheFile) -> str:
    hasher = hashlib.sha256()
    for piece in file.pieces():
        hasher.update(piece)
    return f"sha256:{hasher.hexdigest()}"


def _document(found: Found) -> Mapping[str, object]:
    return _mapping(json.loads(found.body))


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise MissedError(f"{value!r} is not what a manifest holds")
    return value


def _items(document: Mapping[str, object], key: str) -> list[object]:
    items = document.get(key)
    return items if isinstance(items, list) else []


def _child(index: Mapping[str, object], platform: str, what: str) -> str:
    os, _, architecture = platform.partition("/")
    for descriptor in map(_mapping, _items(index, "manifests")):
        stated = _mapping(descriptor.get("platform", {}))
        if (stated.get("os"), stated.get("architecture")) == (os, architecture):
            return str(descriptor["digest"])
    raise MissedError(f"{what} is not for {platform}")
