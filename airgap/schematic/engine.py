"""Which YAML library an Image Factory writes schematics with: the ID depends on it.

The engines agree on everything practical; they part on strings that YAML 1.1 reads as booleans or
base-60 numbers, on `<<`, on strings that begin with a line break, and on unquoted timestamps.
Source: siderolabs/image-factory's go.mod at its tags v0.8.0 to v1.5.0.
"""

from __future__ import annotations

import re
from enum import IntEnum

from airgap.errors import Fault, SiteError

__all__ = ["NEWEST", "Engine", "engine_of"]


class Engine(IntEnum):
    """The libraries in the order of their use."""

    V3 = 0
    """gopkg.in/yaml.v3 v3.0.1, up to Image Factory v0.8."""
    V4_RC3 = 3
    """go.yaml.in/yaml/v4 v4.0.0-rc.3, Image Factory v0.9 and v1.0."""
    V4_RC4 = 4
    """go.yaml.in/yaml/v4 v4.0.0-rc.4, Image Factory v1.1 to v1.4."""
    V4_RC6 = 6
    """A commit after go.yaml.in/yaml/v4 v4.0.0-rc.6, Image Factory v1.5."""


NEWEST = Engine.V4_RC6

_SINCE: tuple[tuple[tuple[int, int], Engine], ...] = (
    ((1, 5), Engine.V4_RC6),
    ((1, 1), Engine.V4_RC4),
    ((0, 9), Engine.V4_RC3),
    ((0, 0), Engine.V3),
)


def engine_of(factory: str | None) -> Engine:
    """Return the engine of an Image Factory release (`v1.5.0`); the newest when it is not stated.

    Raises:
        SiteError: The text is no version.
    """
    if factory is None:
        return NEWEST
    match = re.match(r"v?(\d+)\.(\d+)\.\d+", factory)
    if match is None:
        fault = Fault(path="imageFactory.version", message=f"{factory!r} is not a version")
        raise SiteError("image factory", [fault])
    minor = (int(match[1]), int(match[2]))
    return next(engine for since, engine in _SINCE if minor >= since)
