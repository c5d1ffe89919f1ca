"""Which form of machine configuration may be emitted, by Talos and by the deployed Sidero.

Registries as documents (`RegistryMirrorConfig`) exist since Talos 1.12; `machine.registries` is
still read by later ones. Sidero loads every configuration with the Talos machinery it was built
with (siderolabs/sidero, `TALOS_RELEASE` in its Makefile) and fails on anything newer; so does
Cluster API's Talos bootstrap provider with the patches that it is given (`go.mod` of
siderolabs/cluster-api-bootstrap-provider-talos).
"""

from __future__ import annotations

from bisect import bisect
from typing import Literal

from airgap.errors import Fault, SiteError
from airgap.talos.releases import minor_of, version_key

__all__ = [
    "BOOTSTRAP_MACHINERY",
    "IMAGE_CACHE",
    "SIDERO_MACHINERY",
    "Dialect",
    "bootstrap_machinery",
    "config_dialect",
    "serves_typed_only",
    "sidero_machinery",
]

Dialect = Literal["v1alpha1", "documents"]

IMAGE_CACHE = "http://127.0.0.1:3172"
"""Where a machine answers from its own image cache (Talos' registryd, 1.9 to 1.13)."""

_TYPED_UNTIL = (1, 12)

SIDERO_MACHINERY = {
    "v0.6.8": "v1.10.0",
    "v0.6.9": "v1.10.0",
    "v0.6.10": "v1.10.0",
    "v0.6.11": "v1.11.0",
    "v0.6.12": "v1.12.0",
    "v0.6.13": "v1.13.0",
}
"""Sidero release → version of the Talos machinery inside."""


BOOTSTRAP_MACHINERY = {
    "v0.6.5": "v1.7.0",
    "v0.6.6": "v1.8.0",
    "v0.6.7": "v1.9.0",
    "v0.6.8": "v1.10.0",
    "v0.6.9": "v1.10.0",
    "v0.6.10": "v1.11.0",
    "v0.6.11": "v1.12.0",
    "v0.6.12": "v1.13.0",
}
"""Release of the Talos bootstrap provider (CABPT) → version of the Talos machinery inside."""


def sidero_machinery(version: str) -> str:
    """Return the Talos machinery of a Sidero release.

    Raises:
        SiteError: The release is not in the table; the message names the nearest rows.
    """
    if version in SIDERO_MACHINERY:
        return SIDERO_MACHINERY[version]
    known = list(SIDERO_MACHINERY)
    place = bisect([version_key(row) for row in known], version_key(version))
    nearest = " and ".join(known[max(place - 1, 0) : place + 1])
    fault = Fault(
        path="sidero.version",
        message=f"Sidero {version} is not in the table",
        hint=f"nearest: {nearest}",
    )
    raise SiteError("sidero release", [fault])


def bootstrap_machinery(version: str) -> str:
    """Return the Talos machinery of a bootstrap provider: at least that of the row before it."""
    known = list(BOOTSTRAP_MACHINERY)
    place = bisect([version_key(row) for row in known], version_key(version))
    return BOOTSTRAP_MACHINERY[known[max(place - 1, 0)]]


def config_dialect(
    talos: str, *, sidero: str | None = None, bootstrap: str | None = None
) -> Dialect:
    """Return the newest form that the Talos release and whatever handles it on the way read.

    Args:
        talos: The release that a machine runs.
        sidero: The deployed Sidero, if the configuration passes it.
        bootstrap: The deployed bootstrap provider, if the configuration passes it.
    """
    bounds = [minor_of(talos)]
    if sidero is not None:
        bounds.append(minor_of(sidero_machinery(sidero)))
    if bootstrap is not None:
        bounds.append(minor_of(bootstrap_machinery(bootstrap)))
    return "documents" if min(bounds) >= (1, 12) else "v1alpha1"


def serves_typed_only(talos: str) -> bool:
    """Tell whether a release's registryd answers 500 for a manifest without a media type.

    From 1.13 on it looks at what the manifest holds.
    """
    return minor_of(talos) <= _TYPED_UNTIL
