"""Read a few files out of an image by its layers, whiteouts applied; bounded, nothing on disk.

OCI image specification v1.1, `layer.md`: a layer is an archive over those below it; `.wh.<name>`
removes what lies there, `.wh..wh..opq` all of a folder. Only files at the root are looked for.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Collection
from typing import BinaryIO

from airgap.digest import Digest
from airgap.errors import IntegrityError, UpstreamError
from airgap.oci.manifest import Descriptor, Manifest
from airgap.oci.reference import Reference
from airgap.resolve.sources import ImageSource

__all__ = ["read_files"]

_MAX_LAYER_BYTES = 256 * 1024**2
_MAX_UNPACKED_BYTES = 1024**3
_MAX_FILE_BYTES = 8 * 1024**2
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_BROKEN = (tarfile.TarError, EOFError, OSError, zlib.error)


def read_files(
    source: ImageSource, image: Reference, digest: Digest, names: Collection[str]
) -> dict[str, bytes]:
    """Return those of the named files that an image's root holds.

    Args:
        source: Registries by host.
        image: The image; of an index its linux/amd64 one is read, as the factory does.
        digest: Its digest: the tag is not asked.
        names: Of files at the root.

    Raises:
        UpstreamError: Out of reach, or no image for linux/amd64.
        IntegrityError: A layer is damaged, too large, or packed in a way that cannot be read.
    """
    reader, repository = source.locate(image.registry, image.repository)
    manifest = reader.manifest(repository, str(digest))
    if manifest.is_index:
        manifest = reader.manifest(repository, str(_amd64(manifest, image).digest))
    files: dict[str, bytes] = {}
    for layer in manifest.blobs[1:]:
        data = reader.read_blob(repository, layer, max_bytes=_MAX_LAYER_BYTES)
        try:
            files = _applied(_unpacked(data, layer, image), files, names)
        except _BROKEN as error:
            raise IntegrityError(f"{image}: layer {layer.digest} is no archive: {error}") from None
    return files


def _amd64(index: Manifest, image: Reference) -> Descriptor:
    for child in index.children:
        platform = child.platform
        if platform and (platform.os, platform.architecture) == ("linux", "amd64"):
            return child
    raise UpstreamError(f"{image}: there is no linux/amd64 image")


def _unpacked(data: bytes, layer: Descriptor, image: Reference) -> BinaryIO:
    kind = layer.media_type
    if kind.endswith(("+gzip", ".gzip")):
        return _Bounded(gzip.GzipFile(fileobj=io.BytesIO(data)).read)
    if kind.endswith(".tar"):
        return io.BytesIO(data)
    raise IntegrityError(
        f"{image}: a layer of media type {kind} cannot be read here",
        hint="gzip and plain archives are read; a copy with such layers has another digest, too",
    )


def _applied(stream: BinaryIO, files: dict[str, bytes], names: Collection[str]) -> dict[str, bytes]:
    """Return the files after one layer: what it adds goes before what it removes."""
    added: dict[str, bytes] = {}
    removed: set[str] = set()
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            name = member.name.removeprefix("./").lstrip("/")
            if name == _OPAQUE:
                removed |= files.keys()
            elif name.startswith(_WHITEOUT):
                removed.add(name.removeprefix(_WHITEOUT))
            elif name in names and member.isfile():
                added[name] = _content(archive, member)
    kept = {name: data for name, data in files.items() if name not in removed}
    return kept | added


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if member.size > _MAX_FILE_BYTES or file is None:
        raise tarfile.TarError(f"{member.name} is larger than {_MAX_FILE_BYTES} bytes")
    return file.read()


class _Bounded(io.RawIOBase, BinaryIO):
    """Stops an archive that unpacks to more than anybody wants to read."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        super().__init__()
        self._read = read
        self._left = _MAX_UNPACKED_BYTES

    def read(self, size: int = -1, /) -> bytes:
        data = self._read(size if 0 <= size <= self._left else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise tarfile.TarError(f"unpacks to more than {_MAX_UNPACKED_BYTES} bytes")
        return data
