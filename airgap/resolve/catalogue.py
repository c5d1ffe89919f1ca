"""The extensions of a Talos release, read from its catalogue image.

`ghcr.io/siderolabs/extensions:<version>` holds at its root the file `image-digests`: a line
`ghcr.io/siderolabs/<name>:<tag>@sha256:<hex>` an extension, lines without `@` skipped. Names are
matched by repository path, exactly first, then by the factory's aliases.
Source: siderolabs/image-factory v1.5.0, `internal/artifacts`.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import BinaryIO

from airgap.digest import Digest
from airgap.errors import Fault, IntegrityError, SiteError, UpstreamError
from airgap.oci.manifest import Descriptor, Manifest
from airgap.oci.reference import Reference, parse_reference
from airgap.resolve.sources import ImageReader, ImageSource

__all__ = ["find_extension", "parse_digests", "read_catalogue"]

_FILE = "image-digests"
_MAX_LAYER_BYTES = 256 * 1024**2
_MAX_UNPACKED_BYTES = 1024**3
_MAX_FILE_BYTES = 8 * 1024**2
_ALIASES: Mapping[str, str] = {
    "siderolabs/v4l-uvc": "siderolabs/v4l-uvc-drivers",
    "siderolabs/usb-modem": "siderolabs/usb-modem-drivers",
    "siderolabs/gasket": "siderolabs/gasket-driver",
    "siderolabs/talos-vmtoolsd": "siderolabs/vmtoolsd-guest-agent",
    "siderolabs/xe-guest-utilities": "siderolabs/xen-guest-agent",
    "siderolabs/nvidia-container-toolkit": "siderolabs/nvidia-container-toolkit-lts",
    "siderolabs/nvidia-open-gpu-kernel-modules": "siderolabs/nvidia-open-gpu-kernel-modules-lts",
    "siderolabs/nonfree-kmod-nvidia": "siderolabs/nonfree-kmod-nvidia-lts",
    "siderolabs/nvidia-fabricmanager": "siderolabs/nvidia-fabric-manager-lts",
    "siderolabs/i915-ucode": "siderolabs/i915",
    "siderolabs/amdgpu-firmware": "siderolabs/amdgpu",
}


def read_catalogue(source: ImageSource, image: Reference, digest: Digest) -> dict[str, Reference]:
    """Return a release's extensions by repository path (`siderolabs/iscsi-tools`).

    Args:
        source: Registries by host.
        image: The catalogue image.
        digest: Its locked digest: the tag is not asked again.

    Raises:
        UpstreamError: Out of reach, or the image holds no such file.
        IntegrityError: A layer is damaged or too large, or a line is malformed.
    """
    reader, repository = source.locate(image.registry, image.repository)
    manifest = reader.manifest(repository, str(digest))
    if manifest.is_index:
        child = _amd64(manifest, image)
        manifest = reader.manifest(repository, str(child.digest))
    content = _read_file(reader, repository, manifest, image)
    return parse_digests(content.decode("utf-8", "replace"), image=image)


def parse_digests(text: str, *, image: Reference) -> dict[str, Reference]:
    """Read the lines of `image-digests`; of two for one repository the first counts."""
    extensions: dict[str, Reference] = {}
    for line in text.splitlines():
        if "@" not in line:
            continue
        try:
            reference = parse_reference(line.strip(), path=_FILE)
        except SiteError as error:
            raise IntegrityError(f"{image}: {error.faults[0]}") from None
        extensions.setdefault(reference.repository, reference)
    return extensions


def find_extension(
    catalogue: Mapping[str, Reference], name: str, *, talos: str, classes: tuple[str, ...]
) -> Reference:
    """Return an extension's image, by its name or an alias that the factory knows.

    Raises:
        SiteError: The release has no such extension; the message suggests names it has.
    """
    found = catalogue.get(name) or catalogue.get(_ALIASES.get(name, ""))
    if found is not None:
        return found
    similar = _suggest(catalogue, name)
    raise SiteError(
        f"extensions of Talos {talos}",
        [
            Fault(
                path=f"serverClasses.{server_class}.extensions",
                message=f"Talos {talos} has no extension {name!r}",
                hint=f"did you mean {' or '.join(similar)}?" if similar else "",
            )
            for server_class in classes
        ],
    )


def _suggest(catalogue: Mapping[str, Reference], name: str) -> list[str]:
    """Return names that are spelt alike or share a word, the likeliest first."""
    alike = get_close_matches(name, catalogue, n=3, cutoff=0.75)
    words = {word for word in name.rpartition("/")[2].split("-") if len(word) > 2}
    related = [known for known in sorted(catalogue) if words & set(_words(known))]
    return list(dict.fromkeys([*alike, *related]))[:12]


def _words(name: str) -> list[str]:
    return name.rpartition("/")[2].split("-")


def _amd64(index: Manifest, image: Reference) -> Descriptor:
    """Return the linux/amd64 child: the one that the factory reads."""
    for child in index.children:
        platform = child.platform
        if platform and (platform.os, platform.architecture) == ("linux", "amd64"):
            return child
    raise UpstreamError(f"{image}: the catalogue has no linux/amd64 image")


def _read_file(reader: ImageReader, repository: str, manifest: Manifest, image: Reference) -> bytes:
    """Return the file as the layers leave it, whiteouts applied (OCI image specification)."""
    content: bytes | None = None
    for layer in manifest.blobs[1:]:
        data = reader.read_blob(repository, layer, max_bytes=_MAX_LAYER_BYTES)
        try:
            content = _apply_layer(_unpacked(data, layer, image), content)
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise IntegrityError(f"{image}: layer {layer.digest} is no archive: {error}") from None
    if content is None:
        raise UpstreamError(f"{image}: the image has no file {_FILE}")
    return content


def _unpacked(data: bytes, layer: Descriptor, image: Reference) -> BinaryIO:
    kind = layer.media_type
    if kind.endswith(("+gzip", ".gzip")):
        return _Bounded(gzip.GzipFile(fileobj=io.BytesIO(data)))
    if kind.endswith(".tar"):
        return io.BytesIO(data)
    raise IntegrityError(f"{image}: a layer of media type {kind} cannot be read here")


def _apply_layer(stream: BinaryIO, content: bytes | None) -> bytes | None:
    """Return the file after one layer: replaced, removed by a whiteout, or as it was."""
    added: bytes | None = None
    removed = False
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            name = member.name.removeprefix("./").lstrip("/")
            if name in (f".wh.{_FILE}", ".wh..wh..opq"):
                removed = True
            elif name == _FILE and member.isfile():
                file = archive.extractfile(member)
                if member.size > _MAX_FILE_BYTES or file is None:
                    raise tarfile.TarError(f"{_FILE} is larger than {_MAX_FILE_BYTES} bytes")
                added = file.read()
    if added is not None:
        return added
    return None if removed else content


class _Bounded(io.RawIOBase, BinaryIO):
    """Stops an archive that unpacks to more than anybody wants to read."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        super().__init__()
        self._stream = stream
        self._left = _MAX_UNPACKED_BYTES

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size if 0 <= size <= self._left else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise tarfile.TarError(f"unpacks to more than {_MAX_UNPACKED_BYTES} bytes")
        return data
