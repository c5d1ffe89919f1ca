"""What machines boot: the asset mirror, environments and server classes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

from airgap.errors import Fault
from airgap.sidero import find_faults, spec_schema
from airgap.site.check.registry import endpoint_faults
from airgap.site.check.subject import Known, checks, fault, repeated
from airgap.site.document import Architecture
from airgap.site.model import Environment, Site
from airgap.site.path import Step, dotted, shown
from airgap.talos import CHECKSUMS, asset_names

__all__ = ["CHECKS"]

_BUILT_IN_CLASS = "any"
_ARCHITECTURES: tuple[str, ...] = get_args(Architecture)
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\Z")
_TAKEN = frozenset(
    {CHECKSUMS, "checksums.txt", *(name for arch in _ARCHITECTURES for name in asset_names(arch))}
)


def _check_asset_mirror(site: Site, _: Known) -> Iterator[Fault]:
    mirror = site.asset_mirror
    yield from endpoint_faults(mirror, ("assetMirror",), path_allowed=True)
    at = ("assetMirror", "path")
    if mirror.kind == "directory" and mirror.path is None:
        yield fault(at, "missing", "kind directory needs the directory behind the URL")
    if mirror.kind == "embedded" and mirror.path is not None:
        hint = "leave it out, or use kind: directory"
        yield fault(at, "kind embedded serves the store and has no directory", hint)


def _check_environments(site: Site, _: Known) -> Iterator[Fault]:
    for index, environment in enumerate(site.environments):
        if environment.talos not in site.talos.versions:
            message = f"{environment.talos} is not in talos.versions"
            hint = "add it there, or use one of " + ", ".join(site.talos.versions)
            yield fault(("environments", index, "talos"), message, hint)
        if environment.architecture not in site.architectures:
            message = f"{environment.architecture} is not in architectures"
            hint = "add it there, or use one of " + ", ".join(site.architectures)
            yield fault(("environments", index, "architecture"), message, hint)


def _check_class_environments(site: Site, _: Known) -> Iterator[Fault]:
    names = [environment.name for environment in site.environments]
    for index, server_class in enumerate(site.server_classes):
        if server_class.environment not in names:
            yield fault(
                ("serverClasses", index, "environment"),
                f"{server_class.environment!r} names no environment",
                "defined: " + ", ".join(names) if names else "add it to environments",
            )


def _check_names(site: Site, _: Known) -> Iterator[Fault]:
    names = {
        "environments": [environment.name for environment in site.environments],
        "serverClasses": [server_class.name for server_class in site.server_classes],
    }
    for section, listed in names.items():
        for index, first in repeated(listed):
            message = f"{listed[index]!r} is the name of item {first} already"
            yield fault((section, index, "name"), message, "give each its own name")


def _check_kernel_args(site: Site, _: Known) -> Iterator[Fault]:
    arguments = {
        "environments": [environment.extra_kernel_args for environment in site.environments],
        "serverClasses": [server_class.extra_kernel_args for server_class in site.server_classes],
    }
    for section, lists in arguments.items():
        for index, items in enumerate(lists):
            for number, argument in enumerate(items):
                if not argument or any(char.isspace() for char in argument):
                    at = (section, index, "extraKernelArgs", number)
                    hint = "write one argument an item, such as console=ttyS1"
                    yield fault(at, f"{shown(argument)} is not one kernel argument", hint)


def _check_qualifiers(site: Site, _: Known) -> Iterator[Fault]:
    """The API server drops what the CRD does not know without a word."""
    for index, server_class in enumerate(site.server_classes):
        at: tuple[Step, ...] = ("serverClasses", index)
        for key in ("qualifiers", "selector"):
            value: object = getattr(server_class, key)
            yield from find_faults(value, spec_schema("ServerClass", key), dotted((*at, key)))
        if server_class.name == _BUILT_IN_CLASS and server_class.qualifiers:
            hint = "give the class another name"
            yield fault((*at, "qualifiers"), "Sidero empties those of its class 'any'", hint)


def _check_boot_assets(site: Site, _: Known) -> Iterator[Fault]:
    """Stock Sidero boots a kernel and an initramfs; a disk image or an ISO is the fork's."""
    files: dict[tuple[str, str], str | None] = {}
    for index, item in enumerate(site.environments):
        at: tuple[Step, ...] = ("environments", index, "bootAsset")
        if item.boot_asset is None:
            if item.boot_asset_file is not None:
                hint = "give the name to publish it under, such as metal-amd64.raw.zst"
                yield fault(at, "missing beside bootAssetFile", hint)
            continue
        if site.sidero.flavour == "stock":
            hint = "leave it out, or use sidero.flavour: airgap"
            yield fault(at, "stock Sidero boots a kernel and an initramfs, nothing else", hint)
        yield from _name_faults(item, item.boot_asset, at)
        key = (item.talos, item.boot_asset)
        if files.setdefault(key, item.boot_asset_file) != item.boot_asset_file:
            message = f"another environment of {item.talos} has other bytes under this name"
            yield fault(at, message, "give each its own name")


def _name_faults(item: Environment, name: str, at: tuple[Step, ...]) -> Iterator[Fault]:
    if not _FILE.match(name):
        hint = "write a release's file, such as metal-amd64.raw.zst"
        yield fault(at, f"{shown(name)} is not a file name", hint)
    elif name in _TAKEN:
        yield fault(at, f"{name} is what every environment has", "give the disk image or the ISO")
    for other in _ARCHITECTURES:
        if other != item.architecture and re.search(rf"\b{other}\b", name):
            hint = f"use the file for {item.architecture}"
            yield fault(at, f"{name} is not of the environment's architecture", hint)


CHECKS = checks(
    (_check_asset_mirror, "asset_mirror"),
    (_check_environments, "environments talos architectures"),
    (_check_class_environments, "environments server_classes"),
    (_check_names, "environments server_classes"),
    (_check_kernel_args, "environments server_classes"),
    (_check_qualifiers, "server_classes"),
    (_check_boot_assets, "environments sidero"),
)
