"""Which YAML library an Image Factory writes schematics with: the ID depends on it.

The engines agree on everything practical; they part on strings that YAML 1.1 reads as booleans or
base-60 numbers, on `<<`, on strings that begin with a line break, and on unquoted timestamps.
Source: siderolabs/image-factory's go.mod at its tags v0.8.0 to v1.5.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from airgap.schematic.releases import release_key

__all__ = ["GENERATIONS", "NEWEST", "Engine", "Generation", "engine_of"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """The releases of the factory that share an engine.

    Attributes:
        engine: The library.
        since: The first of them.
        last: The newest of them, by which the generation can be asked for.
        name: In words, such as `v1.1 to v1.4`.
    """

    engine: Engine
    since: str
    last: str
    name: str


GENERATIONS = (
    Generation(engine=Engine.V3, since="v0.0.0", last="v0.8.4", name="up to v0.8"),
    Generation(engine=Engine.V4_RC3, since="v0.9.0", last="v1.0.3", name="v0.9 and v1.0"),
    Generation(engine=Engine.V4_RC4, since="v1.1.0", last="v1.4.0", name="v1.1 to v1.4"),
    Generation(engine=Engine.V4_RC6, since="v1.5.0", last="v1.5.0", name="from v1.5"),
)
"""From the oldest to the newest."""


def engine_of(factory: str | None) -> Engine:
    """Return the engine of an Image Factory release (`v1.5.0`); the newest when it is not stated.

    Raises:
        SiteError: The text is no version.
    """
    if factory is None:
        return NEWEST
    minor = release_key(factory)[:2]
    return next(
        each.engine for each in reversed(GENERATIONS) if minor >= release_key(each.since)[:2]
    )
