"""What machines boot: the asset mirror, environments and server classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airgap.errors import Fault
from airgap.site.check.registry import endpoint_faults
from airgap.site.check.subject import Known, checks, fault, repeated
from airgap.site.model import Site
from airgap.site.path import Step, shown

__all__ = ["CHECKS"]

# spec.qualifiers and spec.selector of ServerClass v1alpha2, Sidero v0.6.13: the API server drops
# what the CRD does not know without a word
_QUALIFIERS = frozenset({"hardware", "labelSelectors"})
_HARDWARE = frozenset({"system", "compute", "memory", "storage", "network"})
_SELECTOR = frozenset({"matchLabels", "matchExpressions"})
_BUILT_IN_CLASS = "any"


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
    for index, server_class in enumerate(site.server_classes):
        at = ("serverClasses", index)
        yield from _unknown(server_class.qualifiers, (*at, "qualifiers"), _QUALIFIERS)
        yield from _unknown(server_class.selector, (*at, "selector"), _SELECTOR)
        hardware = server_class.qualifiers.get("hardware", [])
        if not isinstance(hardware, list):
            hint = "write one mapping a kind of hardware"
            yield fault((*at, "qualifiers", "hardware"), "expected a list", hint)
            continue
        for number, kind in enumerate(hardware):
            yield from _unknown(kind, (*at, "qualifiers", "hardware", number), _HARDWARE)
        if server_class.name == _BUILT_IN_CLASS and server_class.qualifiers:
            hint = "give the class another name"
            yield fault((*at, "qualifiers"), "Sidero empties those of its class 'any'", hint)


def _unknown(value: object, at: tuple[Step, ...], known: frozenset[str]) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield fault(at, "expected a mapping", "known here: " + ", ".join(sorted(known)))
        return
    for key in value:
        if key not in known:
            yield fault((*at, str(key)), "unknown key", "known here: " + ", ".join(sorted(known)))


CHECKS = checks(
    (_check_asset_mirror, "asset_mirror"),
    (_check_environments, "environments talos architectures"),
    (_check_class_environments, "environments server_classes"),
    (_check_names, "environments server_classes"),
    (_check_kernel_args, "environments server_classes"),
    (_check_qualifiers, "server_classes"),
)
