"""What a site and its locks want, as the transfer knows it: destinations and items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from airgap.digest import Digest
from airgap.lock.model import AssetPin, ImagePin, Lock
from airgap.oci.reference import Reference, parse_reference
from airgap.plan.artifacts import ARTIFACTS, artifact_digests, is_published_for_factory
from airgap.site.model import Site
from airgap.transfer.destination import (
    AssetItem,
    ImageItem,
    MirrorDestination,
    RegistryDestination,
)

__all__ = [
    "artifacts_of",
    "asset_sets",
    "assets_of",
    "image_places",
    "image_sets",
    "images_of",
    "mirror_of",
    "registry_of",
]


def registry_of(site: Site) -> RegistryDestination:
    """Return the registry that a site's images are pushed to: its first endpoint."""
    registry = site.registry
    if registry.kind == "none":
        return RegistryDestination(kind="none", endpoint="")
    first = registry.endpoints[0]
    return RegistryDestination(
        kind="embedded" if registry.kind == "embedded" else "existing",
        endpoint=first.url,
        path_prefix=registry.path_prefix,
        layout=registry.layout,
        ca=first.ca,
        overwrite=registry.overwrite,
    )


def mirror_of(site: Site) -> MirrorDestination:
    """Return the asset mirror of a site."""
    mirror = site.asset_mirror
    return MirrorDestination(kind=mirror.kind, url=mirror.url, path=mirror.path or "", ca=mirror.ca)


def images_of(locks: Iterable[Lock]) -> tuple[ImageItem, ...]:
    """Return the images that locks name, each once, in order."""
    items = {
        item.key: item
        for lock in locks
        for text, pin in lock.images.items()
        for item in (_image(parse_reference(text), pin.digest),)
    }
    return tuple(items.values())


def artifacts_of(locks: Iterable[Lock]) -> tuple[ImageItem, ...]:
    """Return what a factory reads of the images that locks name, each once, in order."""
    items = {
        item.key: item
        for lock in locks
        for text, digest in artifact_digests(lock).items()
        for item in (_image(parse_reference(text), digest),)
    }
    return tuple(items.values())


def image_places(
    site: Site, lock: Lock, *, name: str
) -> dict[RegistryDestination, Mapping[str, Sequence[ImageItem]]]:
    """Return a site's sets of images by where they go: its layout first, then the factory's."""
    own = registry_of(site)
    places: dict[RegistryDestination, Mapping[str, Sequence[ImageItem]]] = {
        own: image_sets(name, lock)
    }
    if is_published_for_factory(site) and (items := artifacts_of([lock])):
        places[own.twin] = {f"{name}/{ARTIFACTS}": items}
    return places


def assets_of(locks: Iterable[Lock]) -> tuple[AssetItem, ...]:
    """Return the boot assets that locks name, each once, in order."""
    items = {
        item.keys: item
        for lock in locks
        for name, pin in lock.assets.items()
        for item in (_asset(name, pin),)
    }
    return tuple(items.values())


def image_sets(site: str, lock: Lock) -> dict[str, tuple[ImageItem, ...]]:
    """Return a lock's images by set, named as the plan names its ImageSets."""
    needs = dict.fromkeys(pin.need for pin in lock.images.values())
    return {
        f"{site}/{need}": images_of([lock.model_copy(update={"images": _of_need(lock, need)})])
        for need in needs
    }


def asset_sets(site: str, lock: Lock) -> dict[str, tuple[AssetItem, ...]]:
    """Return a lock's boot assets by set, named as the plan names its AssetSets."""
    by_set: dict[str, list[AssetItem]] = {}
    for item in assets_of([lock]):
        by_set.setdefault(f"{site}/talos-{item.name.partition('/')[0]}", []).append(item)
    return {name: tuple(items) for name, items in by_set.items()}


def _of_need(lock: Lock, need: str) -> dict[str, ImagePin]:
    return {key: pin for key, pin in lock.images.items() if pin.need == need}


def _asset(name: str, pin: AssetPin) -> AssetItem:
    return AssetItem(
        name=name,
        sha256=Digest.parse(pin.sha256),
        sha512=Digest.parse(pin.sha512),
        size=pin.size,
    )


def _image(reference: Reference, digest: str) -> ImageItem:
    return ImageItem(name=reference.name, tag=reference.tag or "", digest=Digest.parse(digest))
