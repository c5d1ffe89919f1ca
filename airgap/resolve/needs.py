"""What a site needs beside images, before anybody is asked: boot assets, schematics, and why.

Pure: from the site and the tables of `airgap.talos`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from airgap.errors import Fault, SiteError
from airgap.lock import SchematicPin
from airgap.schematic import canonical_yaml, schematic_id
from airgap.site.model import ServerClass, Site
from airgap.site.schematics import class_schematic, factory_release, made_classes
from airgap.talos import asset_names, asset_url

__all__ = [
    "AssetWant",
    "Named",
    "class_extensions",
    "class_overlays",
    "class_releases",
    "find_assets",
    "find_schematics",
    "has_factory",
    "has_whole_catalogue",
    "is_mirrored",
    "made_releases",
]

Named = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Talos version → extension or overlay → the server classes that name it, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetWant:
    """A boot asset to pin, by release and file name.

    Attributes:
        file: Its path as the site has it, where it is the author's own and not the release's.
    """

    version: str
    name: str
    needed_by: tuple[str, ...]
    file: str = ""

    @property
    def url(self) -> str:
        """Its origin: the release's public URL, or `file:<path>`."""
        return f"file:{quote(self.file)}" if self.file else asset_url(self.version, self.name)


def has_factory(site: Site) -> bool:
    """Tell whether a factory runs inside: what it builds from is carried."""
    return site.image_factory.kind != "none"


def has_whole_catalogue(site: Site) -> bool:
    """Tell whether every extension and overlay is carried for it, and not those that are named."""
    return has_factory(site) and site.image_factory.catalogue == "all"


def is_mirrored(site: Site) -> bool:
    """Tell whether the factory that `lock` asks makes the installers, which are carried."""
    return site.image_factory.installer == "mirrored"


def class_releases(site: Site) -> dict[str, str]:
    """Return the Talos release of each server class, by the environment that it boots.

    Raises:
        SiteError: A class names an environment that is not there.
    """
    releases = {environment.name: environment.talos for environment in site.environments}
    faults = [
        Fault(
            path=f"serverClasses.{item.name}.environment",
            message=f"there is no environment {item.environment!r}",
        )
        for item in site.server_classes
        if item.environment not in releases
    ]
    if faults:
        raise SiteError("site", faults)
    return {item.name: releases[item.environment] for item in site.server_classes}


def find_assets(site: Site) -> dict[str, AssetWant]:
    """Return what every environment boots of a release, or of the author's, by `<version>/<file>`.

    What a factory makes is not among it.
    """
    reasons: dict[tuple[str, str], set[str]] = {}
    files: dict[tuple[str, str], str] = {}
    for environment in site.environments:
        own = environment.boot_asset_file or ""
        made = environment.schematic_of is not None
        booted = () if made else asset_names(environment.architecture)
        further = (environment.boot_asset,) if environment.boot_asset and (own or not made) else ()
        for name in (*booted, *further):
            key = (environment.talos, name)
            reasons.setdefault(key, set()).add(f"environment {environment.name}")
            files[key] = own if name in further else ""
    return {
        f"{version}/{name}": AssetWant(
            version=version,
            name=name,
            needed_by=tuple(sorted(why)),
            file=files[version, name],
        )
        for (version, name), why in sorted(reasons.items())
    }


def find_schematics(site: Site) -> dict[str, SchematicPin]:
    """Return the schematic of every server class that a factory makes something of, by ID.

    Equal schematics are one.
    """
    pins: dict[str, SchematicPin] = {}
    factory = factory_release(site)
    for item in made_classes(site):
        schematic = class_schematic(item)
        identity = schematic_id(schematic, factory=factory)
        before = pins[identity].classes if identity in pins else ()
        pins[identity] = SchematicPin(
            canonical=canonical_yaml(schematic, factory=factory), classes=(*before, item.name)
        )
    return pins


def class_extensions(site: Site) -> Named:
    """Return the system extensions that a factory puts into something, and who names them.

    Raises:
        SiteError: A class names an environment that is not there.
    """
    return _named(site, lambda item: item.extensions)


def class_overlays(site: Site) -> Named:
    """Return the overlays likewise.

    Raises:
        SiteError: A class names an environment that is not there.
    """
    return _named(site, lambda item: (item.overlay.name,) if item.overlay else ())


def made_releases(site: Site, item: ServerClass) -> tuple[str, ...]:
    """Return the Talos releases that factories make something of for a class.

    That of the environment which its machines boot comes first; then those of environments that
    boot what is made of its schematic.

    Raises:
        SiteError: A class names an environment that is not there.
    """
    own = class_releases(site)[item.name]
    booted = {each.talos for each in site.environments if each.schematic_of == item.name}
    return (own, *sorted(booted - {own}))


def _named(site: Site, names: Callable[[ServerClass], Sequence[str]]) -> Named:
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for item in made_classes(site):
        for version in made_releases(site, item):
            by_name = found.setdefault(version, {})
            for name in names(item):
                by_name[name] = (*by_name.get(name, ()), item.name)
    return {version: by_name for version, by_name in sorted(found.items()) if by_name}
