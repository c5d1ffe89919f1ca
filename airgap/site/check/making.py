"""What server classes have factories make, in the terms of `airgap.schematic`: for the checks."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from airgap.schematic import Output, Schematic, read_output
from airgap.site.check.address import origin
from airgap.site.model import Environment, ServerClass, Site
from airgap.site.schematics import class_schematic

__all__ = [
    "asks_own_factory",
    "class_schematics",
    "installer_of",
    "read_outputs",
    "upstream_has_keys",
    "upstream_release",
]


def class_schematics(site: Site) -> list[Schematic | None]:
    """Return the schematics of the classes; None where a word of one is no word of the model."""
    found: list[Schematic | None] = []
    for item in site.server_classes:
        try:
            found.append(class_schematic(item))
        except ValidationError:  # told of as a fault of its shape
            found.append(None)
    return found


def installer_of(item: ServerClass, environment: Environment) -> Output:
    """Return the kind of installer a class has."""
    return Output(
        kind="installer",
        architecture=environment.architecture,
        secure_boot=item.secure_boot is not None,
    )


def read_outputs(names: Iterable[str]) -> tuple[Output, ...]:
    """Return what files are by their names; those that no factory makes are left out."""
    return tuple(output for output in map(read_output, names) if output is not None)


def asks_own_factory(site: Site) -> bool:
    """Tell whether the factory that `lock` asks is the site's own, by its URL."""
    own, asked = site.image_factory.endpoint, site.upstream.factory
    if not own or asked is None:
        return False
    return origin(asked.url) == origin(own)


def upstream_release(site: Site) -> str | None:
    """Return the release of the factory that `lock` asks, where it is stated."""
    upstream = site.upstream.factory
    stated = upstream.version if upstream else None
    return stated or (site.image_factory.version if asks_own_factory(site) else None)


def upstream_has_keys(site: Site) -> bool:
    """Tell whether the factory that `lock` asks has SecureBoot keys; somebody else's may."""
    return site.image_factory.secure_boot if asks_own_factory(site) else True
