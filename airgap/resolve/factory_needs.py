"""The images of Talos itself that a site needs: by what its installers come from.

Without a factory the release's own; with one inside, what it builds from, and nothing else; or
installers that the factory asked by `lock` makes. Source: siderolabs/image-factory v1.5.0,
`internal/artifacts`.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault, SiteError
from airgap.lock import Need
from airgap.resolve.needs import class_releases, find_schematics, has_factory, is_mirrored
from airgap.resolve.wants import ImageWant, short_name, want_image
from airgap.site.model import Site
from airgap.talos import (
    FACTORY_HOST,
    factory_image,
    factory_images,
    factory_installer,
    installer_image,
    release_for,
    talosctl_image,
)

__all__ = ["factory_needs", "installer_needs", "talos_needs"]


def talos_needs(site: Site, version: str, place: int) -> Iterator[ImageWant]:
    """Yield what one release needs: its stock installer, or what a factory builds from.

    The catalogues are among it for an empty schematic, too: the factory's pages list them. With
    mirrored installers no class of the release is left that installs the stock one.
    """
    release = release_for(version, site.talos.components)
    at = f"talos.versions[{place}] {version}"
    if not has_factory(site):
        if not (is_mirrored(site) and version in class_releases(site).values()):
            reference = installer_image(release.version)
            yield want_image(reference, "talos", f"talos {version}", at, "installer")
        return
    reason = f"image factory for {version}"
    for reference in factory_images(release):
        name = short_name(reference)
        need: Need = "extensions" if name in ("extensions", "overlays") else "talos"
        yield want_image(reference, need, reason, at, "imageFactory", f"it builds from {name}")


def factory_needs(site: Site) -> Iterator[ImageWant]:
    """Yield what a factory needs beside what it builds from: itself, and talosctl."""
    factory = site.image_factory
    if factory.kind == "deployed" and factory.version:
        reason, by = f"image factory {factory.version}", f"imageFactory.version {factory.version}"
        yield want_image(factory_image(factory.version), "factory", reason, by, "it runs from it")
    if not has_factory(site) or not factory.talosctl:
        return
    known = {version: talosctl_image(version) for version in site.talos.versions}
    if not any(known.values()):
        message = "none of the site's Talos releases has an image of talosctl"
        hint = "leave it out, or carry Talos v1.11.0 or later"
        fault = Fault(path="imageFactory.talosctl", message=message, hint=hint)
        raise SiteError("site", [fault])
    for version, reference in known.items():
        if reference:
            reason = f"image factory for {version}"
            yield want_image(
                reference, "factory", reason, "imageFactory.talosctl", f"Talos {version}"
            )


def installer_needs(site: Site) -> Iterator[ImageWant]:
    """Yield the installer of each server class that the factory asked by `lock` makes."""
    if not is_mirrored(site):
        return
    releases = class_releases(site)
    places = {item.name: (place, item) for place, item in enumerate(site.server_classes)}
    for identity, pin in find_schematics(site).items():
        for name in pin.classes:
            place, item = places[name]
            reference = factory_installer(
                releases[name],
                host=FACTORY_HOST,
                schematic=identity,
                secure_boot=item.secure_boot is not None,
            )
            chain = (
                f"serverClasses[{place}] {name}",
                f"schematic {identity[:12]}…",
                f"installer of Talos {releases[name]}, made by the factory that lock asks",
            )
            yield want_image(reference, "talos", f"server class {name}", *chain, made=True)
