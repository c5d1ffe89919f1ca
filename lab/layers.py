"""Layers made to order: gzip'd tar archives, the same bytes for the same name and size."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from lab.assets import random_bytes
from lab.content import BlobPool

__all__ = ["Layer", "LayerForge", "make_layer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A compressed layer by digest and size, and the digest of its uncompressed tar."""

    digest: str
    size: int
    diff_id: str


class LayerForge:
    """Makes each layer once and keeps it in a pool.

    Args:
        pool: Where the layers go.
        unit_bytes: Size of a layer of weight 1.
    """

    def __init__(self, pool: BlobPool, unit_bytes: int) -> None:
        self._pool = pool
        self._unit_bytes = unit_bytes
        self._made: dict[str, Layer] = {}

    def random(self, key: str, weight: int) -> Layer:
        """Return a layer with one incompressible file; equal keys give the same layer."""
        if key not in self._made:
            content = random_bytes(key, weight * self._unit_bytes)
            self._made[key] = self.files({f"usr/share/lab/{key.replace('/', '-')}": content})
        return self._made[key]

    def files(self, files: Mapping[str, bytes]) -> Layer:
        """Return a layer with the given files."""
        data, diff_id = make_layer(files)
        return Layer(digest=self._pool.add(data), size=len(data), diff_id=diff_id)


def make_layer(files: Mapping[str, bytes]) -> tuple[bytes, str]:
    """Return a gzip'd tar archive of the files, and the digest of the uncompressed tar."""
    archive = _tar(files)
    gzip = zlib.compressobj(0, wbits=31)  # stored: the content does not compress anyway
    data = gzip.compress(archive) + gzip.flush()
    return data, "sha256:" + hashlib.sha256(archive).hexdigest()


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
