"""What a registry holds: a pool of blobs, and repositories that link to them.

A blob is stored once; a repository sees only the blobs pushed, mounted or linked into it, as the
distribution specification v1.1 wants. In memory, or in a directory for large contents.
"""

from __future__ import annotations

import hashlib
import io
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from airgap.oci import Manifest, parse_manifest

__all__ = ["BlobPool", "Content", "MissingBlobError", "Repository"]


class MissingBlobError(Exception):
    """A manifest names blobs or manifests that its repository does not hold."""

    def __init__(self, digests: list[str]) -> None:
        super().__init__(", ".join(digests))
        self.digests = digests


class BlobPool:
    """Blobs by digest.

    Args:
        directory: Keep them as files `sha256/<hex>` here, and know those already there.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._memory: dict[str, bytes] = {}
        self._files = None if directory is None else directory / "sha256"
        if self._files is not None:
            self._files.mkdir(parents=True, exist_ok=True)

    def __contains__(self, digest: str) -> bool:
        """Tell whether the blob is held."""
        return digest in self._memory or self._path(digest) is not None

    def add(self, data: bytes) -> str:
        """Keep bytes; return their digest."""
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if digest not in self:
            self._write(digest, data)
        return digest

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading; KeyError when it is not held."""
        path = self._path(digest)
        return io.BytesIO(self._memory[digest]) if path is None else path.open("rb")

    def read(self, digest: str) -> bytes:
        """Return the whole blob; KeyError when it is not held."""
        with self.open(digest) as stream:
            return stream.read()

    def size(self, digest: str) -> int:
        """Return the blob's size in bytes; KeyError when it is not held."""
        path = self._path(digest)
        return len(self._memory[digest]) if path is None else path.stat().st_size

    def remove(self, digest: str) -> None:
        """Forget a blob."""
        self._memory.pop(digest, None)
        path = self._path(digest)
        if path is not None:
            path.unlink()

    def corrupt(self, digest: str) -> None:
        """Invert the first byte of a blob and keep it under its digest, as bit rot does."""
        data = self.read(digest)
        self._write(digest, bytes([data[0] ^ 0xFF]) + data[1:])

    def _path(self, digest: str) -> Path | None:
        if self._files is None or not digest.startswith("sha256:"):
            return None
        path = self._files / digest.removeprefix("sha256:")
        return path if path.is_file() else None

    def _write(self, digest: str, data: bytes) -> None:
        if self._files is None:
            self._memory[digest] = data
            return
        path = self._files / digest.removeprefix("sha256:")
        partial = path.with_name(f".{path.name}.{threading.get_ident()}")
        partial.write_bytes(data)
        partial.replace(path)


@dataclass(slots=True)
class Repository:
    """One repository: the blobs it may serve, its manifests by digest, its tags."""

    blobs: set[str] = field(default_factory=set)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def find(self, reference: str) -> Manifest | None:
        """Return the manifest of a tag or digest."""
        return self.manifests.get(self.tags.get(reference, reference))


class Content:
    """All repositories of a registry over one blob pool; safe to use from many threads."""

    def __init__(self, directory: Path | None = None) -> None:
        self.pool = BlobPool(directory)
        self._repositories: dict[str, Repository] = {}
        self._lock = threading.RLock()

    @property
    def names(self) -> list[str]:
        """The repositories in lexical order."""
        with self._lock:
            return sorted(self._repositories)

    def repository(self, name: str) -> Repository | None:
        """Return a repository, if it exists."""
        return self._repositories.get(name)

    def has_blob(self, name: str, digest: str) -> bool:
        """Tell whether a repository may serve a blob."""
        found = self._repositories.get(name)
        return found is not None and digest in found.blobs and digest in self.pool

    def add_blob(self, name: str, data: bytes) -> str:
        """Keep a blob in a repository; return its digest."""
        digest = self.pool.add(data)
        self.link(name, digest)
        return digest

    def link(self, name: str, digest: str) -> None:
        """Let a repository serve a blob of the pool."""
        with self._lock:
            self._create(name).blobs.add(digest)

    def put_manifest(
        self, name: str, raw: bytes, *, media_type: str = "", tag: str | None = None
    ) -> Manifest:
        """Keep a manifest or index, and point a tag at it.

        Raises:
            IntegrityError: The bytes are no manifest.
            MissingBlobError: A blob or child manifest is not in this repository.
        """
        manifest = parse_manifest(raw, media_type=media_type)
        with self._lock:
            repository = self._create(name)
            missing = [str(d.digest) for d in manifest.blobs if not self._held(name, str(d.digest))]
            missing += [
                str(child.digest)
                for child in manifest.children
                if str(child.digest) not in repository.manifests
            ]
            if missing:
                raise MissingBlobError(missing)
            repository.manifests[str(manifest.digest)] = manifest
            if tag is not None:
                repository.tags[tag] = str(manifest.digest)
        return manifest

    def find(self, name: str, reference: str) -> Manifest | None:
        """Return a manifest by tag or digest."""
        with self._lock:
            repository = self._repositories.get(name)
            return None if repository is None else repository.find(reference)

    def tag(self, name: str, tag: str, digest: str) -> None:
        """Point a tag at a manifest the repository holds."""
        with self._lock:
            repository = self._repositories[name]
            repository.tags[tag] = str(repository.manifests[digest].digest)

    def untag(self, name: str, tag: str) -> bool:
        """Remove a tag; tell whether it existed."""
        with self._lock:
            return self._create(name).tags.pop(tag, None) is not None

    def remove_manifest(self, name: str, digest: str) -> bool:
        """Remove a manifest and the tags that point at it; tell whether it existed."""
        with self._lock:
            repository = self._create(name)
            for tag in [tag for tag, target in repository.tags.items() if target == digest]:
                del repository.tags[tag]
            return repository.manifests.pop(digest, None) is not None

    def remove_blob(self, name: str, digest: str) -> bool:
        """Take a blob from a repository (the pool keeps it); tell whether it was there."""
        with self._lock:
            repository = self._create(name)
            held = digest in repository.blobs
            repository.blobs.discard(digest)
            return held

    def referrers(self, name: str, subject: str) -> list[Manifest]:
        """Return the manifests whose subject is a digest, in order of their digests."""
        with self._lock:
            manifests = self._repositories.get(name, Repository()).manifests
            return [
                manifests[digest]
                for digest in sorted(manifests)
                if (found := manifests[digest].subject) and str(found.digest) == subject
            ]

    def _held(self, name: str, digest: str) -> bool:
        return digest in self._repositories[name].blobs and digest in self.pool

    def _create(self, name: str) -> Repository:
        return self._repositories.setdefault(name, Repository())
