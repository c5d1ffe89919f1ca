"""Releases as a site states them: component versions in place of the table's, or without a row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Protocol

from airgap.errors import Fault, SiteError
from airgap.talos.releases import RELEASES, Key, Release, find_release, minor_of, nearest_to

__all__ = ["Components", "release_for"]

_STATED = "the site's talos.components"
_FIRST_MINOR = (1, 9)
_NETWORK_POLICIES_SINCE = (1, 13)
_SUPPORTED_MINORS = 6
"""How many Kubernetes minors each release of the table supports."""
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")  # distribution's grammar
_NAMES = {
    "kubernetes": "kubernetes",
    "etcd": "etcd",
    "coredns": "coredns",
    "flannel": "flannel",
    "pause": "pause",
    "network_policies": "networkPolicies",
}
"""What may be stated, and how the site document calls it."""


class Components(Protocol):
    """What a site may state of a release; the site's own model fits."""

    @property
    def kubernetes(self) -> str | None:
        """The release's default Kubernetes."""

    @property
    def etcd(self) -> str | None:
        """A whole image reference."""

    @property
    def coredns(self) -> str | None:
        """A tag."""

    @property
    def flannel(self) -> str | None:
        """A tag."""

    @property
    def pause(self) -> str | None:
        """A tag."""

    @property
    def network_policies(self) -> str | None:
        """A tag; there is such an image since 1.13."""


def release_for(
    version: str,
    stated: Mapping[str, Components],
    *,
    table: Mapping[str, Release] = RELEASES,
) -> Release:
    """Return a release with what the site states of it, else with what the table says.

    Raises:
        SiteError: The release has no row and not all of it is stated, or what is stated cannot
            be; all faults at once, each at its place.
    """
    if version not in stated:
        return table[version] if version in table else find_release(version)
    given = _given(stated[version])
    row = table.get(version)
    if faults := [*_faults(version, given, row, table)]:
        raise SiteError(f"components of Talos {version}", faults)
    values = {"network_policies": "", **(_given(row) if row else {}), **given}
    return Release(
        version=version,
        kubernetes=values["kubernetes"],
        coredns=values["coredns"],
        etcd=values["etcd"],
        flannel=values["flannel"],
        pause=values["pause"],
        network_policies=values["network_policies"],
        kubernetes_range=row.kubernetes_range if row else _kubernetes_range(version, values, table),
        source=", ".join((*((row.source,) if row else ()), _STATED)),
    )


def _given(components: Components) -> dict[str, str]:
    values = {
        "kubernetes": components.kubernetes,
        "etcd": components.etcd,
        "coredns": components.coredns,
        "flannel": components.flannel,
        "pause": components.pause,
        "network_policies": components.network_policies,
    }
    return {name: value for name, value in values.items() if value is not None}


def _faults(
    version: str, given: Mapping[str, str], row: Release | None, table: Mapping[str, Release]
) -> Iterator[Fault]:
    if minor_of(version) < _FIRST_MINOR:
        message = f"Talos {version} is older than what this program knows"
        yield _fault(version, "", message, "use a release from v1.9.0 on")
        return
    has_policies = minor_of(version) >= _NETWORK_POLICIES_SINCE
    if row is None:
        yield from _missing(version, given, has_policies=has_policies, table=table)
    if "network_policies" in given and not has_policies:
        message = f"Talos {version} has no such image, only releases from v1.13.0 on have"
        yield _fault(version, "networkPolicies", message, "leave it out")
    yield from _malformed(version, given)
    if row is not None and not row.supports_kubernetes(given.get("kubernetes", row.kubernetes)):
        first, last = (".".join(map(str, minor)) for minor in row.kubernetes_range)
        message = f"Talos {version} does not run Kubernetes {given['kubernetes']}"
        yield _fault(version, "kubernetes", message, f"it runs v{first} to v{last}")


def _missing(
    version: str, given: Mapping[str, str], *, has_policies: bool, table: Mapping[str, Release]
) -> Iterator[Fault]:
    needed = [name for name in _NAMES if has_policies or name != "network_policies"]
    missing = ", ".join(_NAMES[name] for name in needed if name not in given)
    if missing:
        message = f"Talos {version} is not in the table, and without {missing}"
        hint = f"state them all, or use {nearest_to(version, table)}"
        yield _fault(version, "", message, hint)


def _malformed(version: str, given: Mapping[str, str]) -> Iterator[Fault]:
    """Find what is no tag; of etcd, a reference, what stands behind its repository."""
    for name in ("etcd", "coredns", "flannel", "pause", "network_policies"):
        if name not in given:
            continue
        value = given[name]
        repository, _, tag = value.rpartition(":") if name == "etcd" else ("/", "", value)
        if "/" not in repository or "@" in repository or not _TAG.fullmatch(tag):
            form = "registry/repository:tag" if name == "etcd" else "a tag such as v1.12.4"
            yield _fault(version, _NAMES[name], "this names no image", f"expected {form}")


def _kubernetes_range(
    version: str, values: Mapping[str, str], table: Mapping[str, Release]
) -> tuple[Key, Key]:
    """Return the range of the minor's other releases, else what every release so far supports."""
    for row in table.values():
        if row.minor == minor_of(version):
            return row.kubernetes_range
    major, minor = minor_of(values["kubernetes"])
    return (major, minor - _SUPPORTED_MINORS + 1), (major, minor)


def _fault(version: str, name: str, message: str, hint: str) -> Fault:
    place = f'site.talos.components["{version}"]' + (f".{name}" if name else "")
    return Fault(path=place, message=message, hint=hint)
