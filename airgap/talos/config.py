"""Which form of machine configuration may be emitted, by Talos and by the deployed Sidero.

Registries as documents (`RegistryMirrorConfig`) exist since Talos 1.12; `machine.registries` is
still read by later ones. Sidero loads every configuration with the Talos machinery it was built
with (siderolabs/sidero, `TALOS_RELEASE` in its Makefile) and fails on anything newer.
"""

from __future__ import annotations

from bisect import bisect
from typing import Literal

from airgap.errors import Fault, SiteError
from airgap.talos.releases import minor_of, version_key

__all__ = ["SIDERO_MACHINERY", "Dialect", "config_dialect", "sidero_machinery"]

Dialect = Literal["v1alpha1", "documents"]

SIDERO_MACHINERY = {
    "v0.6.8": "v1.10.0",
    "v0.6.9": "v1.10.0",
    "v0.6.10": "v1.10.0",
    "v0.6.11": "v1.11.0",
    "v0.6.12": "v1.12.0",
    "v0.6.13": "v1.13.0",
}
"""Sidero release → version of the Talos machinery inside."""


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


def config_dialect(talos: str, *, sidero: str | None = None) -> Dialect:
    """Return the newest form that both the Talos release and the deployed Sidero read."""
    bounds = [minor_of(talos)]
    if sidero is not None:
        bounds.append(minor_of(sidero_machinery(sidero)))
    return "documents" if min(bounds) >= (1, 12) else "v1alpha1"
