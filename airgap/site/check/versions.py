"""Releases: known ones, written once, and those that fit each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from airgap.errors import Fault, SiteError
from airgap.site.check.subject import Known, checks, fault, repeated
from airgap.site.model import Site
from airgap.talos.releases import Release, minor_of, version_key
from airgap.talos.stated import release_for

__all__ = ["CHECKS"]


def _check_talos(site: Site, known: Known) -> Iterator[Fault]:
    for index, version in enumerate(site.talos.versions):
        if version not in known.talos and version not in site.talos.components:
            yield fault(
                ("talos", "versions", index),
                f"Talos {version} is not in this release's tables",
                f"{_nearest(version, known.talos)}; or state talos.components for it",
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
            _nearest(site.sidero.version, known.sidero),
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


def _nearest(version: str, known: Collection[str]) -> str:
    """Name the known releases of the same minor, else the first and the last."""
    ordered = sorted(known, key=version_key)
    near = [candidate for candidate in ordered if minor_of(candidate) == minor_of(version)]
    return "known: " + (", ".join(near) if near else f"{ordered[0]} to {ordered[-1]}")


CHECKS = checks(
    (_check_talos, "talos"),
    (_check_components, "talos"),
    (_check_kubernetes, "talos kubernetes"),
    (_check_sidero, "sidero"),
    (_check_repeated, "talos kubernetes architectures"),
    (_check_bound, "sidero environments"),
)
