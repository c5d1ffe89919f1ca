"""What a site has a factory make for it: boot assets and schematics, and why.

Pure: from the site. What a machine boots (`environments[].schematicOf`), and what a server class
asks for besides (`bootAssets`); file names as the author and `airgap.talos` write them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airgap.errors import Fault, SiteError
from airgap.schematic import Schematic, schematic_id
from airgap.site.model import Environment, ServerClass, Site
from airgap.site.schematics import class_schematic, factory_release
from airgap.talos import FactoryAsset, cmdline_name, factory_kernel_name, initramfs_name

__all__ = ["FactoryWant", "find_factory_assets", "find_factory_schematics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactoryWant:
    """A boot asset to have made, and why."""

    asset: FactoryAsset
    architecture: str
    needed_by: tuple[str, ...]


def find_factory_assets(site: Site) -> dict[str, FactoryWant]:
    """Return what the factory that `lock` asks has to make, by `<version>/<schematic ID>/<file>`.

    Raises:
        SiteError: A class or an environment is named that is not there.
    """
    wants: dict[str, FactoryWant] = {}
    for environment, item, names, reason in _orders(site):
        identity = schematic_id(class_schematic(item), factory=factory_release(site))
        for name in names:
            asset = FactoryAsset(talos=environment.talos, schematic=identity, name=name)
            before = wants[asset.key].needed_by if asset.key in wants else ()
            wants[asset.key] = FactoryWant(
                asset=asset,
                architecture=environment.architecture,
                needed_by=tuple(sorted({*before, reason})),
            )
    return dict(sorted(wants.items()))


def find_factory_schematics(site: Site) -> dict[str, Schematic]:
    """Return the schematic of every server class by ID; equal ones are one."""
    release = factory_release(site)
    schematics = map(class_schematic, site.server_classes)
    return {schematic_id(schematic, factory=release): schematic for schematic in schematics}


def _orders(
    site: Site,
) -> Iterator[tuple[Environment, ServerClass, tuple[str, ...], str]]:
    """Yield what is made for each environment and each class: files, and the reason."""
    classes = {item.name: item for item in site.server_classes}
    environments = {item.name: item for item in site.environments}
    for environment in site.environments:
        if environment.schematic_of is None:
            continue
        item = classes.get(environment.schematic_of)
        if item is None:
            raise _absent(f"environments.{environment.name}.schematicOf", environment.schematic_of)
        reason = f"environment {environment.name}"
        yield environment, item, _booted(environment), reason
    for item in site.server_classes:
        if not item.boot_assets:
            continue
        booted = environments.get(item.environment)
        if booted is None:
            raise _absent(f"serverClasses.{item.name}.environment", item.environment)
        yield booted, item, item.boot_assets, f"server class {item.name}"


def _booted(environment: Environment) -> tuple[str, ...]:
    architecture = environment.architecture
    is_own = environment.boot_asset_file is not None
    further = (environment.boot_asset,) if environment.boot_asset and not is_own else ()
    return (
        factory_kernel_name(architecture),
        initramfs_name(architecture),
        cmdline_name(architecture),
        *further,
    )


def _absent(path: str, name: str) -> SiteError:
    return SiteError("site", [Fault(path=path, message=f"there is no {name!r}")])
