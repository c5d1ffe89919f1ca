"""Talos releases and the versions of what each brings, from the generated table."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from airgap.errors import Fault, SiteError
from airgap.talos.table import TABLE

__all__ = ["RELEASES", "Release", "find_release", "minor_of", "version_key"]

Key = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One Talos release: versions as image tags, and the commit of the tag they were read at.

    `network_policies` is empty where the release has no such image.
    """

    version: str
    kubernetes: str
    coredns: str
    etcd: str
    etcd_image: str
    flannel: str
    pause: str
    network_policies: str
    kubernetes_minors: int
    commit: str

    @property
    def source(self) -> str:
        """Where the row was read."""
        return f"github.com/siderolabs/talos {self.version} ({self.commit})"

    @property
    def kubernetes_range(self) -> tuple[Key, Key]:
        """The first and the last Kubernetes minor that the release supports."""
        major, minor = minor_of(self.kubernetes)
        return (major, minor - self.kubernetes_minors + 1), (major, minor)

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


def _read(line: str) -> Release:
    version, kubernetes, coredns, etcd, etcd_image, flannel, pause, policies, minors, commit = (
        line.split()
    )
    return Release(
        version=version,
        kubernetes=f"v{kubernetes}",
        coredns=coredns,
        etcd=etcd,
        etcd_image=etcd_image,
        flannel=flannel,
        pause=pause,
        network_policies=policies.removeprefix("-"),
        kubernetes_minors=int(minors),
        commit=commit,
    )


RELEASES: Mapping[str, Release] = MappingProxyType(
    {row.version: row for row in map(_read, TABLE.splitlines()[1:])}
)
"""All known releases, oldest first."""


def find_release(version: str, *, path: str = "talos.versions") -> Release:
    """Return a release by its version (`v1.11.5`).

    Raises:
        SiteError: The version is not in the table; the message names the nearest rows.
    """
    if version in RELEASES:
        return RELEASES[version]
    known = list(RELEASES)
    place = bisect([version_key(row) for row in known], version_key(version))
    nearest = " and ".join(known[max(place - 1, 0) : place + 1])
    fault = Fault(
        path=path,
        message=f"Talos {version} is not in the table",
        hint=f"nearest: {nearest}; tools/talos_tables.py adds releases",
    )
    raise SiteError("talos release", [fault])
