"""The images a site needs, before anybody is asked, and the chain to each.

Pure: from the site and the tables of `airgap.talos`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from airgap.errors import Fault, SiteError
from airgap.lock import SITE_IMAGES, image_key, manifest_images, site_images
from airgap.resolve.factory_needs import factory_needs, installer_needs, talos_needs
from airgap.resolve.wants import ImageWant, short_name, want_image
from airgap.site.model import Management, Site
from airgap.talos import (
    PARTS,
    RELEASES,
    Part,
    kubernetes_images,
    management_images,
    release_for,
    sidero_images,
)
from airgap.workloads import ARROW

__all__ = ["ImageWant", "find_images"]


def find_images(site: Site) -> dict[str, ImageWant]:
    """Return the images known without asking anybody, by their key in the lock.

    Those of extensions and overlays are not among them: only the catalogues know them.

    Raises:
        SiteError: A release is unknown or does not run the Kubernetes asked for; all at once.
    """
    wants: dict[str, ImageWant] = {}
    faults: list[Fault] = []
    for part in _parts(site):
        try:
            for want in part():
                _add(wants, want)
        except SiteError as error:
            faults += error.faults
    if faults:
        raise SiteError("site", list(dict.fromkeys(faults)))
    return dict(sorted(wants.items()))


def _parts(site: Site) -> Iterator[Callable[[], Iterable[ImageWant]]]:
    """Yield what brings images, in the order in which a set may claim one."""
    yield lambda: _unused_kubernetes(site)
    for place, version in enumerate(site.talos.versions):
        yield partial(talos_needs, site, version, place)
        yield partial(_kubernetes, site, version, place)
    yield lambda: factory_needs(site)
    yield lambda: installer_needs(site)
    yield lambda: _sidero(site)
    for part in PARTS:
        yield partial(_management, site, part)
    yield lambda: _site_images(site)
    yield lambda: _manifests(site)


def _kubernetes(site: Site, version: str, place: int) -> Iterator[ImageWant]:
    """Yield the images of each Kubernetes that the site wants and the release runs."""
    release = release_for(version, site.talos.components)
    asked = {each: index for index, each in enumerate(site.kubernetes.versions)}
    fitting = [wanted for wanted in asked if release.supports_kubernetes(wanted)]
    if asked and not fitting:
        return  # said of the Kubernetes that no release runs; another may simply not fit this one
    at = f"talos.versions[{place}] {version}"
    for kubernetes in fitting or (release.kubernetes,):
        wanted = f"kubernetes.versions[{asked[kubernetes]}]" if asked else f"{at}{ARROW}its own"
        for reference in kubernetes_images(release, kubernetes):
            if reference.endswith(f":{kubernetes}"):
                reason, by = f"kubernetes {kubernetes}", f"{wanted} {kubernetes}"
            else:
                reason, by = f"talos {version}", at
            yield want_image(reference, "kubernetes", reason, by, short_name(reference))


def _unused_kubernetes(site: Site) -> Iterator[ImageWant]:
    """Refuse a Kubernetes that none of the site's known releases runs."""
    releases = [
        release_for(version, site.talos.components)
        for version in site.talos.versions
        if version in RELEASES or version in site.talos.components
    ]
    names = ", ".join(release.version for release in releases)
    faults = [
        Fault(
            path=f"kubernetes.versions[{place}]",
            message=f"Kubernetes {version} runs on none of the site's Talos releases: {names}",
        )
        for place, version in enumerate(site.kubernetes.versions)
        if releases and not any(release.supports_kubernetes(version) for release in releases)
    ]
    if faults:
        raise SiteError("site", faults)
    yield from ()


def _sidero(site: Site) -> Iterator[ImageWant]:
    version = site.sidero.version
    for reference in sidero_images(version):
        by = f"sidero.version {version}"
        yield want_image(reference, "sidero", f"sidero {version}", by, short_name(reference))


def _management(site: Site, part: Part) -> Iterator[ImageWant]:
    version: str | None = getattr(site.management, part)
    by = f"management.{Management.model_fields[part].alias} {version}"
    for reference in management_images(part, version) if version else ():
        yield want_image(reference, "sidero", by, by, short_name(reference))


def _site_images(site: Site) -> Iterator[ImageWant]:
    for place, (key, reference) in enumerate(site_images(site).items()):
        yield ImageWant(
            reference=reference,
            need="workloads",
            needed_by=(SITE_IMAGES,),
            chains=(f"images[{place}] {key}",),
        )


def _manifests(site: Site) -> Iterator[ImageWant]:
    for named in manifest_images(site).values():
        yield ImageWant(
            reference=named.reference,
            need="workloads",
            needed_by=named.reasons(site),
            chains=named.chains,
        )


def _add(wants: dict[str, ImageWant], want: ImageWant) -> None:
    """Add a want; of two for one image the first one's set counts, and both reasons."""
    key = image_key(want.reference)
    known = wants.get(key)
    if known is None:
        wants[key] = want
        return
    reference = want.reference if known.reference.digest is None else known.reference
    merged = known.also_for(want.needed_by, want.chains)
    wants[key] = replace(merged, reference=reference, made=known.made or want.made)
