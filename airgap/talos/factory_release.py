"""What a release of the Image Factory can do, where running one depends on it.

Bounds alone, from siderolabs/image-factory's history (v0.8.0 to v1.5.0): a release that nobody here
knows yet is taken to be like the newest that is known. Compare with `version_key`.
"""

from __future__ import annotations

from airgap.talos.releases import Key, minor_of, version_key

__all__ = [
    "CONFIGURED_BY_FILE",
    "NEWEST_KNOWN",
    "READS_BELOW_PREFIX",
    "VERIFICATION_CAN_BE_OFF",
    "VERIFIES_BY_KEY_ALONE",
    "knows_talos",
]

NEWEST_KNOWN = (1, 5)
"""Major and minor."""

VERIFICATION_CAN_BE_OFF = (0, 9, 0)
"""Before, a start always fetches Sigstore's TUF root (743fe7f)."""

CONFIGURED_BY_FILE = (1, 0, 0)
"""Before, by flags; and from then on it needs no privileges (f57218f, f0150c4, 37bd795)."""

VERIFIES_BY_KEY_ALONE = (1, 0, 3)
"""Before, a public key is asked for beside the TUF root, never in place of it (324c464)."""

READS_BELOW_PREFIX = (1, 4, 0)
"""From then on `artifacts.core.namespace` stands before every image it pulls; before, it is
ignored without a word."""

_MACHINERY: tuple[tuple[Key, Key], ...] = (
    ((0, 6, 0), (1, 9)),
    ((0, 6, 5), (1, 10)),
    ((0, 7, 1), (1, 11)),
    ((0, 9, 0), (1, 12)),
    ((1, 0, 0), (1, 13)),
    ((1, 3, 3), (1, 14)),
)
"""From which release on a factory is built with the Talos library of which minor (its go.mod)."""


def knows_talos(factory: str, talos: str) -> bool:
    """Tell whether a factory is built with the library of that Talos, or a newer one.

    One that is newer than the table is taken to know every release.
    """
    if version_key(factory)[:2] > NEWEST_KNOWN:
        return True
    known = [minor for since, minor in _MACHINERY if since <= version_key(factory)]
    return bool(known) and minor_of(talos) <= known[-1]
