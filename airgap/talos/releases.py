"""Talos releases and the versions of what each brings, from the generated table."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from airgap.errors import Fault, SiteError
from airgap.talos.table import SUMS, TABLE, UNVOUCHED_SUMS

__all__ = ["RELEASES", "Key", "Release", "find_release", "minor_of", "nearest_to", "version_key"]

Key = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One Talos release, and what it brings, as image tags.

    Attributes:
        version: The release, `v1.11.5`.
        kubernetes: Its own Kubernetes.
        coredns: Tag of registry.k8s.io/coredns/coredns.
        etcd: The whole reference, whose registry moved with 1.12.
        flannel: Tag of ghcr.io/siderolabs/flannel.
        pause: Tag of registry.k8s.io/pause.
        network_policies: Tag of registry.k8s.io/networking/kube-network-policies; empty where
            the release has no such image.
        kubernetes_range: The first and the last Kubernetes minor that the release supports.
        source: Where this was read: Go modules with the sums of their contents.
    """

    version: str
    kubernetes: str
    coredns: str
    etcd: str
    flannel: str
    pause: str
    network_policies: str
    kubernetes_range: tuple[Key, Key]
    source: str

    @property
    def minor(self) -> Key:
        """Major and minor of the release."""
        return minor_of(self.version)

    def supports_kubernetes(self, version: str) -> bool:
        """Tell whether the release runs that Kubernetes (`v1.34.1`)."""
        first, last = self.kubernetes_range
        return first <= minor_of(version) <= last


def version_key(version: str) -> Key:
    """Return `v1.11.5` as numbers; a pre-release counts as its release."""
    return tuple(int(part) for part in version.removeprefix("v").partition("-")[0].split("."))


def minor_of(version: str) -> Key:
    """Return major and minor of `v1.11.5`."""
    return version_key(version)[:2]


def _read(line: str, sources: Mapping[str, str]) -> Release:
    version, kubernetes, coredns, etcd, etcd_image, flannel, pause, policies, minors = line.split()
    major, minor = minor_of(kubernetes)
    return Release(
        version=version,
        kubernetes=f"v{kubernetes}",
        coredns=coredns,
        etcd=f"{etcd_image}:{etcd}",
        flannel=flannel,
        pause=pause,
        network_policies=policies.removeprefix("-"),
        kubernetes_range=((major, minor - int(minors) + 1), (major, minor)),
        source=sources[version],
    )


def _sources() -> dict[str, str]:
    """Return each release's modules with their sums, the component versions' one first."""
    found: dict[str, list[str]] = {}
    for line in sorted([*SUMS.splitlines(), *UNVOUCHED_SUMS.splitlines()], reverse=True):
        module, version, content = line.split()
        found.setdefault(version, []).append(f"{module}@{version} {content}")
    return {version: ", ".join(modules) for version, modules in found.items()}


def _read_all() -> dict[str, Release]:
    sources = _sources()
    rows = [_read(line, sources) for line in TABLE.splitlines()[1:]]
    return {row.version: row for row in rows}


RELEASES: Mapping[str, Release] = MappingProxyType(_read_all())
"""All known releases, oldest first."""


def find_release(version: str) -> Release:
    """Return a release of the table by its version (`v1.11.5`).

    Raises:
        SiteError: The version is not in the table; the message names the nearest rows.
    """
    if version in RELEASES:
        return RELEASES[version]
    fault = Fault(
        path="talos",
        message=f"Talos {version} is not in the table",
        hint=f"nearest: {nearest_to(version, RELEASES)}; a site may state talos.components for it",
    )
    raise SiteError("talos release", [fault])


def nearest_to(version: str, known: Collection[str]) -> str:
    """Name the releases before and after a version."""
    ordered = sorted(known, key=version_key)
    place = bisect([version_key(row) for row in ordered], version_key(version))
    return " and ".join(ordered[max(place - 1, 0) : place + 1])
