"""What server classes have a factory make: whether it can be made.

A factory takes almost any schematic when it is told of it, and fails when a machine asks for the
image: here all of that is a fault. Whether an extension or an overlay is in a release's catalogue
is known to `lock` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airgap.errors import Fault
from airgap.schematic import Output, Schematic, check_build, check_schematic, read_output
from airgap.site.check.making import (
    class_schematics,
    installer_of,
    read_outputs,
    upstream_has_keys,
    upstream_release,
)
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Environment, Site
from airgap.site.path import Step, shown

__all__ = ["CHECKS"]

_KEYS: dict[str, tuple[Step, ...]] = {
    "overlay.image": ("overlay", "image"),
    "overlay.name": ("overlay", "name"),
    "overlay.options": ("overlay", "options"),
    "customization.extraKernelArgs": ("extraKernelArgs",),
    "customization.meta": ("meta",),
    "customization.systemExtensions.officialExtensions": ("extensions",),
    "customization.bootloader": ("bootloader",),
    "customization.secureboot": ("secureBoot",),
    "customization.secureboot.enrollKeys": ("secureBoot", "enrollKeys"),
    "customization.secureboot.includeWellKnownCertificates": (
        "secureBoot",
        "includeWellKnownCertificates",
    ),
}
"""A server class' keys by the fields that they become."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What one factory is to make of one class.

    Attributes:
        index: The class' place.
        schematic: What it is made of.
        talos: Of which release.
        outputs: What is made.
        factory: The factory's release, as far as it is stated.
        has_keys: Whether that factory can sign for SecureBoot.
    """

    index: int
    schematic: Schematic
    talos: str
    outputs: tuple[Output, ...]
    factory: str | None
    has_keys: bool


def _check_names(site: Site, _: Known) -> Iterator[Fault]:
    """Names of server classes, and of files that a factory makes."""
    classes = [item.name for item in site.server_classes]
    for index, item in enumerate(site.environments):
        at: tuple[Step, ...] = ("environments", index)
        if item.schematic_of is None:
            continue
        if item.schematic_of not in classes:
            hint = "defined: " + ", ".join(classes) if classes else "add it to serverClasses"
            message = f"{item.schematic_of!r} names no server class"
            yield fault((*at, "schematicOf"), message, hint)
        if item.boot_asset_file is not None:
            hint = "leave out bootAssetFile, or schematicOf"
            yield fault((*at, "bootAssetFile"), "a factory makes the file, by schematicOf", hint)
        elif item.boot_asset is not None:
            yield from _file_faults(item.boot_asset, item, (*at, "bootAsset"))


def _check_files(site: Site, _: Known) -> Iterator[Fault]:
    environments = {item.name: item for item in site.environments}
    for index, item in enumerate(site.server_classes):
        environment = environments.get(item.environment)
        for number, name in enumerate(item.boot_assets):
            at: tuple[Step, ...] = ("serverClasses", index, "bootAssets", number)
            if environment is not None:
                yield from _file_faults(name, environment, at)
            output = read_output(name)
            if output is not None and output.secure_boot and item.secure_boot is None:
                hint = "add secureBoot: {} to the class, or give the file without -secureboot"
                yield fault(at, "signed for SecureBoot, and the class' installer is not", hint)


def _file_faults(name: str, environment: Environment, at: tuple[Step, ...]) -> Iterator[Fault]:
    output = read_output(name)
    if output is None:
        hint = "such as metal-amd64.iso, metal-amd64.raw.zst or metal-amd64-secureboot.iso"
        yield fault(at, f"{shown(name)} is no file that an Image Factory makes", hint)
    elif output.architecture != environment.architecture:
        hint = f"use the file for {environment.architecture}"
        message = f"{name} is not of the architecture of environment {environment.name}"
        yield fault(at, message, hint)


def _check_makeable(site: Site, _: Known) -> Iterator[Fault]:
    """What a factory refuses when it is told of a schematic, and when it builds."""
    seen = set()
    for order in _orders(site):
        for found in (
            *check_schematic(order.schematic, factory=order.factory),
            *check_build(
                order.schematic,
                factory=order.factory,
                talos=order.talos,
                outputs=order.outputs,
                secure_boot=order.has_keys,
            ),
        ):
            told = fault(_place(order.index, found.path), found.message, found.hint)
            if told not in seen:
                seen.add(told)
                yield told


def _place(index: int, path: str) -> tuple[Step, ...]:
    """Return a class' key by a field's path, which may go on with places in a list."""
    field, _, rest = path.partition("[")
    number = rest.partition("]")[0]
    listed: tuple[Step, ...] = (int(number),) if number.isdecimal() else ()
    return ("serverClasses", index, *_KEYS.get(field, ()), *listed)


def _orders(site: Site) -> Iterator[_Order]:
    """Yield what is made: installers, files of classes, what environments boot."""
    schematics = class_schematics(site)
    environments = {item.name: item for item in site.environments}
    indices = {item.name: index for index, item in enumerate(site.server_classes)}
    for index, item in enumerate(site.server_classes):
        environment, schematic = environments.get(item.environment), schematics[index]
        if environment is None or schematic is None:
            continue
        files = read_outputs(item.boot_assets)
        yield from _installer_order(site, index, schematic, environment)
        if files:
            yield _upstream_order(site, index, schematic, environment.talos, files)
    for environment in site.environments:
        named = indices.get(environment.schematic_of or "")
        schematic = None if named is None else schematics[named]
        if named is not None and schematic is not None:
            made = _booted(environment)
            yield _upstream_order(site, named, schematic, environment.talos, made)


def _installer_order(
    site: Site, index: int, schematic: Schematic, environment: Environment
) -> Iterator[_Order]:
    item, factory = site.server_classes[index], site.image_factory
    installer = installer_of(item, environment)
    if factory.installer == "mirrored":
        yield _upstream_order(site, index, schematic, environment.talos, (installer,))
    elif factory.kind != "none":
        yield _Order(
            index=index,
            schematic=schematic,
            talos=environment.talos,
            outputs=(installer,),
            factory=factory.version,
            has_keys=factory.secure_boot,
        )


def _upstream_order(
    site: Site, index: int, schematic: Schematic, talos: str, outputs: tuple[Output, ...]
) -> _Order:
    return _Order(
        index=index,
        schematic=schematic,
        talos=talos,
        outputs=outputs,
        factory=upstream_release(site),
        has_keys=upstream_has_keys(site),
    )


def _booted(environment: Environment) -> tuple[Output, ...]:
    architecture = environment.architecture
    plain = (
        Output(kind="kernel", architecture=architecture),
        Output(kind="initramfs", architecture=architecture),
        Output(kind="cmdline", architecture=architecture),
    )
    return (*plain, *read_outputs([environment.boot_asset or ""]))


CHECKS = checks(
    (_check_names, "environments server_classes"),
    (_check_files, "environments server_classes"),
    (_check_makeable, "environments server_classes image_factory upstream"),
)
