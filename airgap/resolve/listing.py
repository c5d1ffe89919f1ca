"""What a site needs, with why, and what its lock knows of it: for people who ask.

Pure: from the site, and the lock where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from urllib.parse import urlsplit

from airgap.errors import AirgapError, SiteError
from airgap.lock import ImagePin, Lock, Need, image_key
from airgap.oci.reference import parse_reference
from airgap.resolve.image_needs import find_images
from airgap.resolve.needs import (
    find_schematics,
    has_factory,
    has_whole_catalogue,
    is_mirrored,
    made_releases,
)
from airgap.site.model import Site
from airgap.talos import factory_installer
from airgap.workloads import ARROW

__all__ = ["Listed", "list_images", "why"]

_SIGNATURE = "signature of "
_WHOLE = "whole catalogue of "
_LOCKED_LATER = "known once locked"
_ON_SITE = "built on site"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An image that a site needs.

    Attributes:
        name: As in the lock; an extension's own name, as long as nothing is locked.
        need: The set it belongs to.
        needed_by: What pulls it in, in short.
        chains: The same link by link, from a place of the site.
        pin: What the lock knows; None without one.
        remark: Why it cannot be locked, or not yet.
    """

    name: str
    need: Need
    needed_by: tuple[str, ...]
    chains: tuple[str, ...]
    pin: ImagePin | None = None
    remark: str = ""


def list_images(site: Site, lock: Lock | None = None) -> dict[str, Listed]:
    """Return every image that the site needs, by name.

    Args:
        site: The site.
        lock: Its lock; what it has for no reason of today's site is left out.

    Raises:
        SiteError: The site needs what cannot be.
    """
    found: dict[str, Listed] = {}
    pins: Mapping[str, ImagePin] = lock.images if lock else {}
    for key, want in find_images(site).items():
        found[key] = Listed(
            name=key,
            need=want.need,
            needed_by=want.needed_by,
            chains=want.chains,
            pin=pins.get(key),
        )
    for item in (*_named(site, lock), *_whole_catalogue(site, lock), *_installers(site)):
        before = found.get(item.name)
        found[item.name] = _joined(before, item) if before else item
    for item in _signatures(pins, found):
        found[item.name] = item
    return dict(sorted(found.items()))


def _named(site: Site, lock: Lock | None) -> Iterator[Listed]:
    """Yield the extensions and overlays of server classes: images as soon as they are locked."""
    extensions = lock.extensions if lock else {}
    overlays = (lock.overlays or {}) if lock else {}
    for place, item in enumerate(site.server_classes if has_factory(site) else ()):
        at = f"serverClasses[{place}] {item.name}"
        for talos in made_releases(site, item):
            for number, name in enumerate(item.extensions):
                chain = f"{at}{ARROW}extensions[{number}] {name}"
                yield _official(lock, extensions, talos, name, item.name, chain)
            if item.overlay:
                chain = f"{at}{ARROW}overlay {item.overlay.name}"
                yield _official(lock, overlays, talos, item.overlay.name, item.name, chain)


def _official(
    lock: Lock | None,
    locked: Mapping[str, Mapping[str, str]],
    talos: str,
    name: str,
    server_class: str,
    chain: str,
) -> Listed:
    key, pin = _locked(lock, locked.get(talos, {}).get(name))
    return Listed(
        name=key or f"{name} (Talos {talos})",
        need="extensions",
        needed_by=(f"server class {server_class}",),
        chains=(f"{chain}{ARROW}catalogue of Talos {talos}",),
        pin=pin,
        remark="" if pin else _LOCKED_LATER,
    )


def _locked(lock: Lock | None, text: str | None) -> tuple[str, ImagePin | None]:
    if lock is None or text is None:
        return "", None
    reference = parse_reference(text)
    for key in (image_key(reference), str(replace(reference, tag=None))):
        pin = lock.images.get(key)
        if pin is not None and pin.digest == str(reference.digest):
            return key, pin
    return "", None


def _whole_catalogue(site: Site, lock: Lock | None) -> Iterator[Listed]:
    """Yield what is carried because the catalogue has it, once the lock knows it."""
    by = "imageFactory.catalogue all" if has_whole_catalogue(site) else "lock --all"
    for key, pin in lock.images.items() if lock and has_factory(site) else ():
        reasons = tuple(reason for reason in pin.needed_by if reason.startswith(_WHOLE))
        if reasons:
            chains = tuple(
                f"{by}{ARROW}catalogue of Talos {reason.removeprefix(_WHOLE)}" for reason in reasons
            )
            yield Listed(name=key, need=pin.need, needed_by=reasons, chains=chains, pin=pin)


def _installers(site: Site) -> Iterator[Listed]:
    """Yield the installer of each server class that the factory inside makes: no lock has it."""
    if site.image_factory.endpoint is None or is_mirrored(site):
        return
    host = urlsplit(site.image_factory.endpoint).netloc
    releases = {item.name: item.talos for item in site.environments}
    places = {item.name: (place, item) for place, item in enumerate(site.server_classes)}
    for identity, pin in find_schematics(site).items():
        for name in pin.classes:
            place, item = places[name]
            talos, signed = releases[item.environment], item.secure_boot is not None
            chain = f"serverClasses[{place}] {name}{ARROW}schematic {identity[:12]}…"
            yield Listed(
                name=factory_installer(talos, host=host, schematic=identity, secure_boot=signed),
                need="extensions",
                needed_by=(f"server class {name}",),
                chains=(f"{chain}{ARROW}installer of Talos {talos}",),
                remark=_ON_SITE,
            )


def _signatures(pins: Mapping[str, ImagePin], found: Mapping[str, Listed]) -> list[Listed]:
    """Return what the lock carries of signatures, under the images they are of."""
    listed = []
    for key, pin in pins.items():
        subjects = [
            reason.removeprefix(_SIGNATURE)
            for reason in pin.needed_by
            if reason.startswith(_SIGNATURE)
        ]
        chains = tuple(
            f"{chain}{ARROW}{subject}{ARROW}what is attached to it"
            for subject in subjects
            if subject in found
            for chain in found[subject].chains
        )
        if chains and key not in found:
            listed.append(
                Listed(name=key, need=pin.need, needed_by=pin.needed_by, chains=chains, pin=pin)
            )
    return listed


def _joined(before: Listed, item: Listed) -> Listed:
    return replace(
        before,
        needed_by=tuple(sorted({*before.needed_by, *item.needed_by})),
        chains=tuple(dict.fromkeys((*before.chains, *item.chains))),
    )


def why(text: str, images: Mapping[str, Listed]) -> tuple[Listed, ...]:
    """Return the images that a text means: a name, a repository, or the end of one.

    Raises:
        AirgapError: None of them; the nearest ones are named.
    """
    found = [item for name, item in images.items() if name in _spellings(text)]
    if not found:
        found = [item for name, item in images.items() if _repository(name) in _spellings(text)]
    if not found:
        found = [item for item in images.values() if _ends_with(_repository(item.name), text)]
    if not found:
        raise AirgapError(f"the site needs no image {text!r}", hint=_nearest(text, images))
    return tuple(found)


def _spellings(text: str) -> set[str]:
    """Return a text, and the complete form of what it may be short for."""
    spellings = {text}
    for short in (text, f"{text}:latest"):
        try:
            reference = parse_reference(short)
        except SiteError:
            continue
        spellings |= {str(reference), image_key(reference)}
        if short != text:
            spellings.add(reference.name)
    return spellings


def _repository(name: str) -> str:
    head, slash, last = name.partition(" ")[0].partition("@")[0].rpartition("/")
    return head + slash + last.partition(":")[0]


def _ends_with(repository: str, text: str) -> bool:
    return f"/{repository}".endswith(f"/{text}")


def _nearest(text: str, images: Mapping[str, Listed]) -> str:
    """Name the images most like a text: by the ends of their repositories, else as a whole."""
    ends = {_end(name): name for name in images}
    near = [ends[end] for end in get_close_matches(_end(text), ends)]
    near = near or get_close_matches(text, images, cutoff=0)
    return f"nearest: {', '.join(near)}"


def _end(name: str) -> str:
    """Return `kube-proxy` of `registry.k8s.io/kube-proxy:v1.34.1`."""
    return _repository(name).rpartition("/")[2]
