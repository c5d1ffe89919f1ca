"""Releases: known ones, written once, and those that fit each other."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault, SiteError
from airgap.site.check.subject import Known, checks, fault, repeated
from airgap.site.model import Site
from airgap.talos.config import BOOTSTRAP_MACHINERY, bootstrap_machinery
from airgap.talos.releases import Release, minor_of, nearest_to
from airgap.talos.stated import release_for

__all__ = ["CHECKS"]

_SKIP_FALLBACK_SINCE = (1, 9)


def _check_talos(site: Site, known: Known) -> Iterator[Fault]:
    for index, version in enumerate(site.talos.versions):
        if version not in known.talos and version not in site.talos.components:
            yield fault(
                ("talos", "versions", index),
                f"Talos {version} is not in this release's tables",
                f"nearest: {nearest_to(version, known.talos)}; or state talos.components for it",
            )


def _check_components(site: Site, known: Known) -> Iterator[Fault]:
    """What is stated makes a whole release, and one that the site has."""
    for version in site.talos.components:
        if version not in site.talos.versions:
            message = f"no Talos of the site is {version}"
            yield fault(("talos", "components", version), message, "list it under talos.versions")
        try:
            release_for(version, site.talos.components, table=known.talos)
        except SiteError as error:
            yield from error.faults


def _check_sidero(site: Site, known: Known) -> Iterator[Fault]:
    if site.sidero.version not in known.sidero:
        yield fault(
            ("sidero", "version"),
            f"Sidero {site.sidero.version} is not in this release's tables",
            f"nearest: {nearest_to(site.sidero.version, known.sidero)}",
        )


def _check_repeated(site: Site, _: Known) -> Iterator[Fault]:
    lists = {
        ("talos", "versions"): site.talos.versions,
        ("kubernetes", "versions"): site.kubernetes.versions,
        ("architectures",): site.architectures,
    }
    for at, values in lists.items():
        for index, first in repeated(values):
            yield fault((*at, index), f"{values[index]} is item {first} already", "remove one")


def _check_bound(site: Site, known: Known) -> Iterator[Fault]:
    """Sidero reads a machine's configuration with the Talos library it was built with."""
    bound = known.sidero.get(site.sidero.version)
    if bound is None:
        return
    for index, environment in enumerate(site.environments):
        if minor_of(environment.talos) > minor_of(bound):
            yield fault(
                ("environments", index, "talos"),
                f"Sidero {site.sidero.version} is built with Talos {bound} and cannot configure "
                f"machines of {environment.talos}",
                "use a newer Sidero, or an older Talos",
            )


def _check_bootstrap(site: Site, _: Known) -> Iterator[Fault]:
    """Cluster API's bootstrap provider reads the patches for it with the library inside it, too.

    Each patch has mirrors with skipFallback. What is newer, documents, is given only to one that
    knows them.
    """
    version = site.management.bootstrap_talos
    if version is None or not site.server_classes:
        return
    inside = bootstrap_machinery(version)
    if minor_of(inside) < _SKIP_FALLBACK_SINCE:
        row = next(v for v, t in BOOTSTRAP_MACHINERY.items() if minor_of(t) >= _SKIP_FALLBACK_SINCE)
        yield fault(
            ("management", "bootstrapTalos"),
            f"the bootstrap provider {version} is built with Talos {inside} or older and cannot "
            "read what this site's machines are told: mirrors have skipFallback since Talos 1.9",
            f"use {row} or newer",
        )


def _check_kubernetes(site: Site, known: Known) -> Iterator[Fault]:
    """Each Kubernetes release needs a Talos release of the site that runs it."""
    stated = site.talos.components
    try:
        releases = [
            release_for(version, stated, table=known.talos) for version in site.talos.versions
        ]
    except SiteError:
        return  # said of the release
    for index, version in enumerate(site.kubernetes.versions):
        if not any(release.supports_kubernetes(version) for release in releases):
            ranges = "; ".join(map(_range_text, releases))
            message = f"no Talos of the site runs Kubernetes {version}"
            yield fault(("kubernetes", "versions", index), message, ranges)


def _range_text(release: Release) -> str:
    first, last = (".".join(map(str, minor)) for minor in release.kubernetes_range)
    return f"Talos {release.version} runs {first} to {last}"


CHECKS = checks(
    (_check_talos, "talos"),
    (_check_components, "talos"),
    (_check_kubernetes, "talos kubernetes"),
    (_check_sidero, "sidero"),
    (_check_repeated, "talos kubernetes architectures"),
    (_check_bound, "sidero environments"),
    (_check_bootstrap, "management server_classes"),
)
