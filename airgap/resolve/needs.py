"""What a site needs beside images, before anybody is asked: boot assets, schematics, and why.

Pure: from the site and the tables of `airgap.talos`.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from airgap.errors import Fault, SiteError
from airgap.lock import SchematicPin
from airgap.schematic import canonical_yaml, schematic_for, schematic_id
from airgap.site.model import Site
from airgap.talos import asset_names, asset_url

__all__ = [
    "AssetWant",
    "class_extensions",
    "find_assets",
    "find_schematics",
    "has_factory",
]


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
    """Tell whether installers are built on site."""
    return site.image_factory.kind != "none"


def find_assets(site: Site) -> dict[str, AssetWant]:
    """Return what every environment boots, by `<version>/<file>`."""
    reasons: dict[tuple[str, str], set[str]] = {}
    files: dict[tuple[str, str], str] = {}
    for environment in site.environments:
        booted = asset_names(environment.architecture)
        further = (environment.boot_asset,) if environment.boot_asset else ()
        for name in (*booted, *further):
            key = (environment.talos, name)
            reasons.setdefault(key, set()).add(f"environment {environment.name}")
            files[key] = environment.boot_asset_file or "" if name in further else ""
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
    """Return the schematic of every server class by ID; equal ones are one."""
    if not has_factory(site):
        return {}
    pins: dict[str, SchematicPin] = {}
    factory = site.image_factory.version
    for item in sorted(site.server_classes, key=lambda item: item.name):
        schematic = schematic_for(
            extensions=item.extensions, extra_kernel_args=item.extra_kernel_args
        )
        identity = schematic_id(schematic, factory=factory)
        before = pins[identity].classes if identity in pins else ()
        pins[identity] = SchematicPin(
            canonical=canonical_yaml(schematic, factory=factory), classes=(*before, item.name)
        )
    return pins


def class_extensions(site: Site) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return Talos version → extension name → the server classes that name it, sorted.

    Raises:
        SiteError: A class names an environment that is not there.
    """
    releases = {environment.name: environment.talos for environment in site.environments}
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    if not has_factory(site):
        return found
    for item in sorted(site.server_classes, key=lambda item: item.name):
        if item.environment not in releases:
            message = f"there is no environment {item.environment!r}"
            path = f"serverClasses.{item.name}.environment"
            raise SiteError("site", [Fault(path=path, message=message)])
        by_name = found.setdefault(releases[item.environment], {})
        for name in item.extensions:
            by_name[name] = (*by_name.get(name, ()), item.name)
    return {version: by_name for version, by_name in sorted(found.items()) if by_name}
