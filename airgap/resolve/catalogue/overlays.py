"""The official overlays of a Talos release: `ghcr.io/siderolabs/overlays:<version>`, from 1.7 on.

At the image's root lies `overlays.yaml`: `overlays: [{name, image, digest}]`, where several names
may share one image. The factory looks an overlay up by its name alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from airgap.digest import Digest, is_digest
from airgap.errors import IntegrityError, SiteError, UpstreamError
from airgap.oci.reference import Reference, parse_reference
from airgap.resolve.catalogue.layers import read_files
from airgap.resolve.sources import ImageSource

__all__ = ["Overlay", "parse_overlays", "read_overlays"]

_FILE = "overlays.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """An official overlay: its name, and its image with tag and digest."""

    name: str
    reference: Reference


def read_overlays(source: ImageSource, image: Reference, digest: Digest) -> dict[str, Overlay]:
    """Return a release's overlays by name, in the catalogue's order.

    Args:
        source: Registries by host.
        image: The catalogue image.
        digest: Its digest: the tag is not asked again.

    Raises:
        UpstreamError: Out of reach, or the image holds no such file.
        IntegrityError: A layer is damaged or too large, or the file is no such list.
    """
    files = read_files(source, image, digest, (_FILE,))
    if _FILE not in files:
        raise UpstreamError(f"{image}: the image has no file {_FILE}")
    return parse_overlays(files[_FILE].decode("utf-8", "replace"), image=image)


def parse_overlays(text: str, *, image: Reference) -> dict[str, Overlay]:
    """Read the file; of two entries for one name the first counts.

    Raises:
        IntegrityError: It is no such list.
    """
    found: dict[str, Overlay] = {}
    for place, entry in enumerate(_entries(text, image)):
        overlay = _overlay(entry, f"{_FILE}: overlays[{place}]", image)
        found.setdefault(overlay.name, overlay)
    return found


def _entries(text: str, image: Reference) -> Iterator[object]:
    try:
        document: object = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise IntegrityError(f"{image}: {_FILE} is no YAML") from None
    listed = document.get("overlays") if isinstance(document, dict) else None
    if not isinstance(listed, list | None) or not isinstance(document, dict | None):
        raise IntegrityError(f"{image}: {_FILE} is no list of overlays")
    yield from listed or ()


def _overlay(entry: object, place: str, image: Reference) -> Overlay:
    fields = entry if isinstance(entry, dict) else {}
    name, reference, digest = (fields.get(key) for key in ("name", "image", "digest"))
    if not name or not isinstance(digest, str) or not is_digest(digest):
        raise IntegrityError(f"{image}: {place} has no name or no digest")
    try:
        return Overlay(
            name=str(name), reference=parse_reference(f"{reference}@{digest}", path=place)
        )
    except SiteError as error:
        raise IntegrityError(f"{image}: {error.faults[0]}") from None
