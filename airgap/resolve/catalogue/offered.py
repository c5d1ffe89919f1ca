"""What the catalogue of a Talos release offers, found by the version alone: for people who ask."""

from __future__ import annotations

from dataclasses import dataclass, replace

from airgap.digest import Digest
from airgap.errors import AirgapError
from airgap.oci.reference import Reference, parse_reference
from airgap.resolve.catalogue.extensions import read_extensions
from airgap.resolve.catalogue.names import Kind, aliases_of
from airgap.resolve.catalogue.overlays import read_overlays
from airgap.resolve.sources import ImageSource
from airgap.talos import RELEASES, catalogue_image, minor_of, overlay_catalogue_image
from airgap.talos.releases import nearest_to

__all__ = ["Catalogue", "Offered", "read_catalogue"]

_OVERLAYS_SINCE = (1, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """An official extension or overlay.

    Attributes:
        name: As a schematic names it.
        reference: Its image, with tag and digest.
        author: Who made it, as the catalogue says; overlays have none.
        description: Likewise, on one line.
        aliases: Earlier names that mean it.
    """

    name: str
    reference: Reference
    author: str = ""
    description: str = ""
    aliases: tuple[str, ...] = ()

    def matches(self, text: str) -> bool:
        """Tell whether each word of a text is in its names, its image or its description."""
        said = " ".join((self.name, *self.aliases, str(self.reference), self.description)).lower()
        return all(word in said for word in text.lower().split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """A release's catalogue: its image with digest (None where there is none), and what it lists.

    Items are sorted by name.
    """

    image: Reference | None
    items: tuple[Offered, ...]


def read_catalogue(source: ImageSource, kind: Kind, talos: str) -> Catalogue:
    """Return what the catalogue image of a Talos release (`v1.11.5`) lists.

    Raises:
        AirgapError: There is no such catalogue; the hint says what to do.
        UpstreamError: Out of reach.
        IntegrityError: It is damaged.
    """
    if kind == "overlay" and minor_of(talos) < _OVERLAYS_SINCE:
        return Catalogue(image=None, items=())
    name = catalogue_image(talos) if kind == "extension" else overlay_catalogue_image(talos)
    image = parse_reference(name)
    digest = _digest(source, image, talos)
    read = _overlays if kind == "overlay" else _extensions
    items = sorted(read(source, image, digest), key=lambda item: item.name)
    return Catalogue(image=replace(image, digest=digest), items=tuple(items))


def _digest(source: ImageSource, image: Reference, talos: str) -> Digest:
    reader, repository = source.locate(image.registry, image.repository)
    found = reader.head_manifest(repository, str(image.tag))
    if found is None:
        raise AirgapError(
            f"there is no image {image} here, and so no catalogue of Talos {talos}",
            hint=f"the nearest known releases are {nearest_to(talos, RELEASES)}; a site's own "
            "registry has those of talos.versions, once lock, fetch and pulumi up are through",
        )
    return found.digest


def _extensions(source: ImageSource, image: Reference, digest: Digest) -> list[Offered]:
    return [
        Offered(
            name=item.name,
            reference=item.reference,
            author=item.author,
            description=item.description,
            aliases=aliases_of(item.name),
        )
        for item in read_extensions(source, image, digest).values()
    ]


def _overlays(source: ImageSource, image: Reference, digest: Digest) -> list[Offered]:
    listed = read_overlays(source, image, digest).values()
    return [Offered(name=item.name, reference=item.reference) for item in listed]
