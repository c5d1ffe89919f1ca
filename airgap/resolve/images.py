"""Resolve an image: from a tag to the digest of its index, its platforms, and all its bytes.

Where only some platforms are carried, the pin is that of the index cut down to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airgap.digest import Digest
from airgap.errors import IntegrityError, RegistryError
from airgap.lock import ImagePin, PlatformPin
from airgap.oci.manifest import Descriptor, Manifest, parse_manifest
from airgap.oci.reference import Reference
from airgap.oci.subset import is_chosen, subset_index
from airgap.resolve.sources import ImageSource
from airgap.resolve.wants import ImageWant

__all__ = ["keep_pin", "missing_architectures", "read_tag", "resolve_image"]

_MAX_NESTING = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Node:
    """A manifest, the descriptor that named it, and how deep it stands."""

    manifest: Manifest
    descriptor: Descriptor | None
    children: tuple[_Node, ...]


def resolve_image(
    source: ImageSource, want: ImageWant, *, platforms: Sequence[str] = ()
) -> ImagePin:
    """Pin an image: by its own digest where the reference has one, else by its tag.

    Args:
        source: Where it is read.
        want: The image.
        platforms: Those to carry of an index; all of them when empty, or when it has none of them.

    Raises:
        UpstreamError: It is not there, or the registry is out of reach.
        IntegrityError: A manifest is not what its digest says.
    """
    reference = want.reference
    reader, repository = source.locate(reference.registry, reference.repository)

    def read(digest: str, depth: int) -> Manifest:
        if depth > _MAX_NESTING:
            raise IntegrityError(f"{reference}: indexes are nested more than {_MAX_NESTING} deep")
        return reader.manifest(repository, digest)

    def grow(manifest: Manifest, descriptor: Descriptor | None, depth: int) -> _Node:
        children = tuple(
            grow(read(str(child.digest), depth + 1), child, depth + 1)
            for child in manifest.children
        )
        return _Node(manifest=manifest, descriptor=descriptor, children=children)

    whole = read(str(reference.digest or reference.tag), 0)
    carried = _cut(whole, platforms)
    root = grow(carried, None, 0)
    return ImagePin(
        digest=str(root.manifest.digest),
        media_type=root.manifest.media_type,
        size=_total_size(root),
        platforms=_platforms(root.children),
        whole=None if carried.digest == whole.digest else str(whole.digest),
        need=want.need,
        needed_by=want.needed_by,
    )


def _cut(whole: Manifest, platforms: Sequence[str]) -> Manifest:
    """Return an index with these platforms only; anything else as it is.

    `fetch` makes the same index again by the names of the platforms in the pin. Where these say
    less than the choice did (`linux/amd64` of an index that has a `v3`, too), more is kept.
    """
    chosen = _names(whole, platforms)
    wider = _names(whole, chosen)
    while wider != chosen:
        chosen, wider = wider, _names(whole, wider)
    if not chosen:
        return whole
    raw = subset_index(whole.raw, chosen)
    return whole if raw == whole.raw else parse_manifest(raw, media_type=whole.media_type)


def _names(whole: Manifest, platforms: Sequence[str]) -> tuple[str, ...]:
    """Return the chosen ones among an index' platforms, as the index has them."""
    found = (child.platform for child in whole.children)
    return tuple(str(each) for each in found if each and is_chosen(each, platforms))


def keep_pin(pin: ImagePin, want: ImageWant) -> ImagePin:
    """Return an earlier pin with today's reasons."""
    return pin.model_copy(update={"need": want.need, "needed_by": want.needed_by})


def read_tag(source: ImageSource, reference: Reference) -> Digest:
    """Return what the reference's tag points to now.

    Raises:
        RegistryError: The tag is gone, or the registry is out of reach.
    """
    reader, repository = source.locate(reference.registry, reference.repository)
    found = reader.head_manifest(repository, str(reference.tag))
    if found is None:
        raise RegistryError(f"{reference}: the tag is gone", status=404)
    return found.digest


def missing_architectures(pin: ImagePin, architectures: Sequence[str]) -> tuple[str, ...]:
    """Return the architectures of the site that a multi-platform image has no Linux image for."""
    if not pin.platforms:
        return ()
    present = {platform.split("/")[1] for platform in pin.platforms if platform.startswith("linux")}
    return tuple(item for item in architectures if item not in present)


def _walk(node: _Node) -> Iterator[Manifest]:
    yield node.manifest
    for child in node.children:
        yield from _walk(child)


def _total_size(root: _Node) -> int:
    """Count each distinct manifest and blob once."""
    sizes: dict[Digest, int] = {}
    for manifest in _walk(root):
        sizes[manifest.digest] = len(manifest.raw)
        sizes |= {blob.digest: blob.size for blob in manifest.blobs}
    return sum(sizes.values())


def _platforms(children: Sequence[_Node]) -> dict[str, PlatformPin]:
    """Return the images of an index by platform; what has none (attestations) is left out."""
    found: dict[str, PlatformPin] = {}
    for child in children:
        platform = child.descriptor.platform if child.descriptor else None
        if platform is None or platform.os in ("", "unknown"):
            continue
        sizes = {blob.digest: blob.size for blob in child.manifest.blobs}
        pin = PlatformPin(digest=str(child.manifest.digest), size=sum(sizes.values()))
        found[_free_name(str(platform), found)] = pin
    return found


def _free_name(name: str, taken: dict[str, PlatformPin]) -> str:
    """Number the later ones of equal platforms (Windows images differ in `os.version` only)."""
    count = sum(key.partition("#")[0] == name for key in taken)
    return f"{name}#{count + 1}" if count else name
