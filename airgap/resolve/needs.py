"""What a site needs, before anybody is asked: images, boot assets, schematics, and why.

Pure: from the site and the tables of `airgap.talos`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airgap.errors import Fault, SiteError
from airgap.lock import SITE_IMAGES, Need, SchematicPin, image_key, site_images
from airgap.oci.reference import Reference, parse_reference
from airgap.schematic import canonical_yaml, schematic_for, schematic_id
from airgap.site.model import Site
from airgap.talos import (
    RELEASES,
    asset_names,
    factory_images,
    find_release,
    installer_image,
    kubernetes_images,
    sidero_images,
)

__all__ = [
    "AssetWant",
    "ImageWant",
    "class_extensions",
    "find_assets",
    "find_images",
    "find_schematics",
    "has_factory",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageWant:
    """An image to pin: which set it belongs to, and what pulls it in, sorted."""

    reference: Reference
    need: Need
    needed_by: tuple[str, ...]

    def also_for(self, needed_by: tuple[str, ...]) -> ImageWant:
        """Return the want with more reasons; the set stays."""
        reasons = tuple(sorted({*self.needed_by, *needed_by}))
        return ImageWant(reference=self.reference, need=self.need, needed_by=reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetWant:
    """A boot asset to pin, by release and file name."""

    version: str
    name: str
    needed_by: tuple[str, ...]


def has_factory(site: Site) -> bool:
    """Tell whether installers are built on site."""
    return site.image_factory.kind != "none"


def find_images(site: Site) -> dict[str, ImageWant]:
    """Return the images known without asking anybody, by their key in the lock.

    Extension images are not among them: only the catalogue knows their tags and digests.

    Raises:
        SiteError: A release is unknown or does not run the Kubernetes asked for; all at once.
    """
    wants: dict[str, ImageWant] = {}
    faults = [*_unused_kubernetes(site)]
    for version in site.talos.versions:
        try:
            found = [*_talos(site, version), *_kubernetes(site, version)]
        except SiteError as error:
            faults += error.faults
            continue
        for want in found:
            _add(wants, want)
    if faults:
        raise SiteError("site", faults)
    for reference in sidero_images(site.sidero.version):
        _add(wants, _want(reference, "sidero", f"sidero {site.sidero.version}"))
    for own in site_images(site).values():
        _add(wants, ImageWant(reference=own, need="workloads", needed_by=(SITE_IMAGES,)))
    return dict(sorted(wants.items()))


def _talos(site: Site, version: str) -> Iterator[ImageWant]:
    if not has_factory(site):
        yield _want(installer_image(find_release(version).version), "talos", f"talos {version}")
        return
    for reference in factory_images(version):
        catalogue = reference.rpartition("/")[2].partition(":")[0] in ("extensions", "overlays")
        yield _want(
            reference, "extensions" if catalogue else "talos", f"image factory for {version}"
        )


def _kubernetes(site: Site, version: str) -> Iterator[ImageWant]:
    """Yield the images of each Kubernetes that the site wants and the release runs."""
    release = find_release(version)
    asked = site.kubernetes.versions
    fitting = [wanted for wanted in asked if release.supports_kubernetes(wanted)]
    if asked and not fitting:
        return  # said of the Kubernetes that no release runs; another may simply not fit this one
    for kubernetes in fitting or (release.kubernetes,):
        for reference in kubernetes_images(version, kubernetes):
            own = reference.endswith(f":{kubernetes}")
            reason = f"kubernetes {kubernetes}" if own else f"talos {version}"
            yield _want(reference, "kubernetes", reason)


def _unused_kubernetes(site: Site) -> Iterator[Fault]:
    """Find a Kubernetes that none of the site's known releases runs."""
    releases = [RELEASES[version] for version in site.talos.versions if version in RELEASES]
    for place, version in enumerate(site.kubernetes.versions):
        if releases and not any(release.supports_kubernetes(version) for release in releases):
            names = ", ".join(release.version for release in releases)
            yield Fault(
                path=f"kubernetes.versions[{place}]",
                message=f"Kubernetes {version} runs on none of the site's Talos releases: {names}",
            )


def _want(reference: str, need: Need, reason: str) -> ImageWant:
    return ImageWant(reference=parse_reference(reference), need=need, needed_by=(reason,))


def _add(wants: dict[str, ImageWant], want: ImageWant) -> None:
    """Add a want; of two for one image the first one's set counts, and both reasons."""
    key = image_key(want.reference)
    known = wants.get(key)
    if known is None:
        wants[key] = want
        return
    reference = want.reference if known.reference.digest is None else known.reference
    merged = known.also_for(want.needed_by)
    wants[key] = ImageWant(reference=reference, need=merged.need, needed_by=merged.needed_by)


def find_assets(site: Site) -> dict[str, AssetWant]:
    """Return the kernel and initramfs of every environment, by `<version>/<file>`."""
    reasons: dict[tuple[str, str], set[str]] = {}
    for environment in site.environments:
        for name in asset_names(environment.architecture):
            reasons.setdefault((environment.talos, name), set()).add(
                f"environment {environment.name}"
            )
    return {
        f"{version}/{name}": AssetWant(version=version, name=name, needed_by=tuple(sorted(why)))
        for (version, name), why in sorted(reasons.items())
    }


def find_schematics(site: Site) -> dict[str, SchematicPin]:
    """Return the schematic of every server class by ID; equal ones are one."""
    if not has_factory(site):
        return {}
    pins: dict[str, SchematicPin] = {}
    factory = site.image_factory.version
    for item in sorted(site.server_classes, key=lambda item: item.name):
        schematic = schematic_for(
            extensions=item.extensions, extra_kernel_args=item.extra_kernel_args
        )
        identity = schematic_id(schematic, factory=factory)
        before = pins[identity].classes if identity in pins else ()
        pins[identity] = SchematicPin(
            canonical=canonical_yaml(schematic, factory=factory), classes=(*before, item.name)
        )
    return pins


def class_extensions(site: Site) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return Talos version → extension name → the server classes that name it, sorted.

    Raises:
        SiteError: A class names an environment that is not there.
    """
    releases = {environment.name: environment.talos for environment in site.environments}
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    if not has_factory(site):
        return found
    for item in sorted(site.server_classes, key=lambda item: item.name):
        if item.environment not in releases:
            message = f"there is no environment {item.environment!r}"
            path = f"serverClasses.{item.name}.environment"
            raise SiteError("site", [Fault(path=path, message=message)])
        by_name = found.setdefault(releases[item.environment], {})
        for name in item.extensions:
            by_name[name] = (*by_name.get(name, ()), item.name)
    return {version: by_name for version, by_name in sorted(found.items()) if by_name}
