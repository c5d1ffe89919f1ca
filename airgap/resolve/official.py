"""Which official extension and overlay images server classes name, as the catalogues have them.

A catalogue is read at the digest that is locked. Where no factory runs inside, none is carried:
names are held against upstream's all the same, before a factory there is asked to build.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial

from airgap.digest import Digest
from airgap.errors import Fault, SiteError
from airgap.lock import ImagePin, Lock, image_key
from airgap.oci.reference import Reference, parse_reference
from airgap.resolve.catalogue import (
    Kind,
    find_named,
    read_extensions,
    read_overlays,
    unknown_name,
)
from airgap.resolve.images import read_tag
from airgap.resolve.needs import Named
from airgap.resolve.notes import Note
from airgap.resolve.sources import ImageSource
from airgap.resolve.upgrade import Upgrade
from airgap.resolve.wants import ImageWant
from airgap.site.model import Site
from airgap.talos import catalogue_image, overlay_catalogue_image
from airgap.transfer.pool import Failures, run_each

__all__ = ["Chosen", "Official", "add_official", "overlay_remarks"]

Chosen = Mapping[str, Mapping[str, Reference]]
"""Talos version → name → image with digest."""
_CATALOGUES: Mapping[Kind, Callable[[str], str]] = {
    "extension": catalogue_image,
    "overlay": overlay_catalogue_image,
}


class Official:
    """Looks names up for one run of `lock`; failures are collected.

    Args:
        previous: The lock so far: what it has from the same catalogue is not looked up again.
        upgrade: Which of its pins move.
        registries: Where catalogues are read.
        workers: How many catalogues at a time.
    """

    def __init__(
        self, previous: Lock | None, upgrade: Upgrade, *, registries: ImageSource, workers: int
    ) -> None:
        self._previous = previous
        self._upgrade = upgrade
        self._registries = registries
        self._workers = workers
        self.failures: Failures = []

    def choose(
        self,
        kind: Kind,
        wanted: Named,
        catalogues: Mapping[str, ImagePin] | None,
        *,
        whole: Collection[str] = (),
    ) -> dict[str, dict[str, Reference]]:
        """Return the images of what is named, sorted by name.

        Args:
            kind: Of what.
            wanted: What server classes name.
            catalogues: The pinned images; one that is missing has failed already. None where
                none are carried.
            whole: The releases whose whole catalogue is wanted.
        """
        versions = {_CATALOGUES[kind](version): version for version in sorted({*wanted, *whole})}
        asked = [key for key in versions if catalogues is None or key in catalogues]

        def one(key: str) -> dict[str, Reference]:
            version = versions[key]
            pin = catalogues[key] if catalogues is not None else None
            named = wanted.get(version, {})
            return self._choose(kind, version, named, pin, every=version in whole)

        found, failures = run_each(asked, one, workers=self._workers)
        self.failures += failures
        return {versions[key]: names for key, names in found.items() if names}

    def _choose(
        self,
        kind: Kind,
        version: str,
        classes: Mapping[str, tuple[str, ...]],
        pin: ImagePin | None,
        *,
        every: bool,
    ) -> dict[str, Reference]:
        known = self._known(kind, version, pin, every=every)
        if known is not None and known.keys() >= classes.keys():
            own = {
                name
                for name, reference in known.items()
                if every and (kind == "overlay" or reference.repository == name)
            }
            return {name: known[name] for name in sorted(own | classes.keys())}
        listed = self._listed(kind, version, pin)
        found = dict(listed) if every else {}
        faults: list[Fault] = []
        for name in classes:
            reference = find_named(kind, listed, name)
            if reference is None:
                error = unknown_name(kind, name, listed, talos=version, classes=classes[name])
                faults += error.faults
            else:
                found[name] = reference
        if faults:
            raise SiteError(f"{kind}s of Talos {version}", faults)
        return dict(sorted(found.items()))

    def _known(
        self, kind: Kind, version: str, pin: ImagePin | None, *, every: bool
    ) -> dict[str, Reference] | None:
        """Return what the earlier lock has, if it came from this very catalogue."""
        key = _CATALOGUES[kind](version)
        if self._previous is None or self._upgrade.moves(key):
            return None
        before = self._previous.images.get(key)
        if pin is not None and (before is None or before.digest != pin.digest):
            return None
        if every and "all" not in self._previous.inputs.image_factory.split():
            return None
        by_version = self._previous.extensions
        if kind == "overlay":
            by_version = self._previous.overlays or {}
        return {name: parse_reference(text) for name, text in by_version.get(version, {}).items()}

    def _listed(self, kind: Kind, version: str, pin: ImagePin | None) -> dict[str, Reference]:
        image = parse_reference(_CATALOGUES[kind](version))
        digest = Digest.parse(pin.digest) if pin else read_tag(self._registries, image)
        read = partial(read_extensions if kind == "extension" else read_overlays, self._registries)
        return {name: item.reference for name, item in read(image, digest).items()}


def add_official(
    chosen: Chosen,
    wanted: Named,
    pins: dict[str, ImagePin],
    wants: dict[str, ImageWant],
    *,
    whole: Collection[str] = (),
) -> None:
    """Add what is still to be pinned to the wants, by digest; pins get their further reasons.

    A tag that two catalogues give different digests cannot name both: the later one is pinned
    without its tag.
    """
    for version, by_name in chosen.items():
        for name, reference in by_name.items():
            classes = wanted.get(version, {}).get(name, ())
            reasons = {f"server class {item}" for item in classes}
            if version in whole:
                reasons.add(f"whole catalogue of {version}")
            _add(reference, tuple(sorted(reasons)), pins, wants)


def _add(
    reference: Reference,
    reasons: tuple[str, ...],
    pins: dict[str, ImagePin],
    wants: dict[str, ImageWant],
) -> None:
    key = image_key(reference)
    taken = pins[key].digest if key in pins else ""
    if key in wants:
        taken = str(wants[key].reference.digest)
    if taken and taken != str(reference.digest):
        reference = replace(reference, tag=None)
        key = image_key(reference)
    if key in pins:
        needed_by = tuple(sorted({*pins[key].needed_by, *reasons}))
        pins[key] = pins[key].model_copy(update={"needed_by": needed_by})
    elif key in wants:
        wants[key] = wants[key].also_for(reasons)
    else:
        wants[key] = ImageWant(reference=reference, need="extensions", needed_by=reasons)


def overlay_remarks(site: Site, overlays: Chosen) -> Iterator[Note]:
    """Yield a note for each class whose overlay names another image than the catalogue does."""
    releases = {item.name: item.talos for item in site.environments}
    for item in site.server_classes:
        by_name = overlays.get(releases.get(item.environment, ""), {})
        found = by_name.get(item.overlay.name) if item.overlay else None
        if item.overlay and found and found.repository != item.overlay.image:
            yield Note(
                subject=f"server class {item.name}",
                message=f"overlay {item.overlay.name} is of image {found.repository}, not of "
                f"{item.overlay.image}: the factory goes by the name, but the image is part of "
                "the schematic's ID",
            )
