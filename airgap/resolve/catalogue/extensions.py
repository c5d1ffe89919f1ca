"""The official system extensions of a Talos release: `ghcr.io/siderolabs/extensions:<version>`.

At the image's root lie `image-digests`, a line `ghcr.io/siderolabs/<name>:<tag>@sha256:<hex>` an
extension (lines without `@` are skipped), and `descriptions.yaml`, a mapping from that whole line
to author and description. An extension is called by its repository: `siderolabs/<name>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from airgap.digest import Digest
from airgap.errors import IntegrityError, SiteError, UpstreamError
from airgap.oci.reference import Reference, parse_reference
from airgap.resolve.catalogue.layers import read_files
from airgap.resolve.sources import ImageSource

__all__ = ["Extension", "parse_extensions", "read_extensions"]

_DIGESTS = "image-digests"
_DESCRIPTIONS = "descriptions.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """An official extension: its image with tag and digest, and what the catalogue says of it."""

    reference: Reference
    author: str = ""
    description: str = ""

    @property
    def name(self) -> str:
        """As a schematic names it, `siderolabs/iscsi-tools`."""
        return self.reference.repository


def read_extensions(source: ImageSource, image: Reference, digest: Digest) -> dict[str, Extension]:
    """Return a release's extensions by name, in the catalogue's order.

    Args:
        source: Registries by host.
        image: The catalogue image.
        digest: Its digest: the tag is not asked again.

    Raises:
        UpstreamError: Out of reach, or the image holds no such file.
        IntegrityError: A layer is damaged or too large, or a line is malformed.
    """
    files = read_files(source, image, digest, (_DIGESTS, _DESCRIPTIONS))
    if _DIGESTS not in files:
        raise UpstreamError(f"{image}: the image has no file {_DIGESTS}")
    return parse_extensions(
        _text(files[_DIGESTS]), _text(files.get(_DESCRIPTIONS, b"")), image=image
    )


def parse_extensions(
    digests: str, descriptions: str = "", *, image: Reference
) -> dict[str, Extension]:
    """Read both files; of two lines for one repository the first counts.

    Raises:
        IntegrityError: A line is no reference, or the descriptions are no mapping.
    """
    told = _descriptions(descriptions, image)
    found: dict[str, Extension] = {}
    for line in map(str.strip, digests.splitlines()):
        if "@" not in line:
            continue
        try:
            reference = parse_reference(line, path=_DIGESTS)
        except SiteError as error:
            raise IntegrityError(f"{image}: {error.faults[0]}") from None
        author, description = _said(told.get(line))
        found.setdefault(
            reference.repository,
            Extension(reference=reference, author=author, description=description),
        )
    return found


def _descriptions(text: str, image: Reference) -> Mapping[object, object]:
    try:
        document: object = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise IntegrityError(f"{image}: {_DESCRIPTIONS} is no YAML") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise IntegrityError(f"{image}: {_DESCRIPTIONS} is no mapping")
    return document


def _said(entry: object) -> tuple[str, str]:
    """Return author and description, each on one line."""
    fields = entry if isinstance(entry, dict) else {}
    author, description = fields.get("author"), fields.get("description")
    return " ".join(str(author or "").split()), " ".join(str(description or "").split())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
