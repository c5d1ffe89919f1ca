"""Releases of the Image Factory and of Talos, as far as schematics depend on them."""

from __future__ import annotations

import re

from airgap.errors import Fault, SiteError

__all__ = ["NEWEST_KNOWN", "is_at_least", "release_key"]

NEWEST_KNOWN = "v1.5.0"
"""The newest Image Factory whose sources were read; a newer one is taken to be like it."""

_RELEASE = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def release_key(release: str, path: str = "imageFactory.version") -> tuple[int, int, int]:
    """Return `v1.11.5` as numbers; a pre-release counts as its release, as it does upstream.

    Raises:
        SiteError: The text is no version; the fault has the path.
    """
    match = _RELEASE.match(release)
    if match is None:
        message = f"{release!r} is not a version"
        fault = Fault(path=path, message=message, hint="write it as v1.5.0")
        raise SiteError("release", [fault])
    return int(match[1]), int(match[2]), int(match[3])


def is_at_least(release: str | None, least: str) -> bool:
    """Tell whether a release is this one or later; one that is not stated is the newest."""
    return release is None or release_key(release) >= release_key(least)
