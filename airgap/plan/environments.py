"""Sidero Environments: what machines PXE-boot, from the site's asset mirror alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from airgap.errors import Fault, LockError
from airgap.lock.model import Lock
from airgap.plan.assets import asset_url, find_asset
from airgap.plan.fork import air_gap
from airgap.plan.mirrors import Mirrors
from airgap.plan.model import PlainValues
from airgap.plan.schematics import find_schematic
from airgap.site.model import Environment, Site
from airgap.talos import (
    cmdline_name,
    environment_kernel_args,
    factory_asset_key,
    factory_kernel_name,
    initramfs_name,
    kernel_name,
    made_kernel_args,
)

__all__ = ["DEFAULT", "part", "plan_environments"]

DEFAULT = "default"
_NAME_LIMIT = 253  # RFC 1123 subdomain


def plan_environments(site: Site, lock: Lock, mirrors: Mirrors) -> dict[str, PlainValues]:
    """Return the environments by name, sorted, `default` always among them.

    Sidero makes an Environment `default` of its own that points to GitHub and fails for ever in an
    air gap: it becomes the site's first environment, unless the author describes one of that name.
    """
    declared = {item.name: item for item in site.environments}
    if site.environments:
        declared.setdefault(DEFAULT, site.environments[0])
    return {
        name: {
            "object": _object_name(name, site, lock, item),
            **_environment(site, lock, mirrors, item),
        }
        for name, item in sorted(declared.items())
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Booted:
    """What an environment boots: assets by their key in the lock, and the kernel's arguments."""

    kernel: str
    initramfs: str
    boot_asset: str | None
    arguments: tuple[str, ...]


def _environment(site: Site, lock: Lock, mirrors: Mirrors, item: Environment) -> PlainValues:
    booted = _booted(site, lock, item)
    values: dict[str, object] = {
        "talos": item.talos,
        "architecture": item.architecture,
        **({"schematicOf": item.schematic_of} if item.schematic_of else {}),
        "kernel": _asset(site, lock, booted.kernel),
        "initrd": _asset(site, lock, booted.initramfs),
        "kernelArgs": list(booted.arguments),
    }
    if site.sidero.flavour == "airgap":
        if booted.boot_asset:
            values["bootAsset"] = _asset(site, lock, booted.boot_asset)
        values["airGap"] = air_gap(site, lock, mirrors, item)
    return values


def _booted(site: Site, lock: Lock, item: Environment) -> _Booted:
    if item.schematic_of:
        return _made_by_factory(site, lock, item, item.schematic_of)
    return _Booted(
        kernel=f"{item.talos}/{kernel_name(item.architecture)}",
        initramfs=f"{item.talos}/{initramfs_name(item.architecture)}",
        boot_asset=_of_release(item),
        arguments=environment_kernel_args(item.talos, item.extra_kernel_args),
    )


def _of_release(item: Environment) -> str | None:
    """Return the key of a disk image or ISO that no factory makes: the release's, the author's."""
    return f"{item.talos}/{item.boot_asset}" if item.boot_asset else None


def _made_by_factory(site: Site, lock: Lock, item: Environment, server_class: str) -> _Booted:
    """Return what a factory made of a class' schematic when the site was locked.

    Raises:
        LockError: The lock lacks the schematic, or the kernel's arguments.
    """
    schematic = find_schematic(lock, server_class)

    def key(name: str) -> str:
        return factory_asset_key(item.talos, schematic, name)

    asked = next(each for each in site.server_classes if each.name == server_class)
    return _Booted(
        kernel=key(factory_kernel_name(item.architecture)),
        initramfs=key(initramfs_name(item.architecture)),
        boot_asset=_of_release(item)
        if item.boot_asset_file or not item.boot_asset
        else key(item.boot_asset),
        arguments=made_kernel_args(
            _text(lock, key(cmdline_name(item.architecture))),
            asked.extra_kernel_args,
            item.extra_kernel_args,
        ),
    )


def _text(lock: Lock, key: str) -> str:
    """Return the content of a small file that the lock holds.

    Raises:
        LockError: It holds none.
    """
    text = find_asset(lock, key).text
    if text is None:
        fault = Fault(path=f"assets.{key}.text", message="is not in the lock")
        raise LockError("lock", [fault], hint="run: python -m airgap lock <site>")
    return text


def _object_name(name: str, site: Site, lock: Lock, item: Environment) -> str:
    """Return the name of the Environment in the cluster: the author's, and what it boots.

    Sidero keeps one folder an Environment and writes over what is there without truncating it
    (docs/adr/0004): new bytes get a new folder. A release's disk image is as its kernel is; one of
    the author's own, or of a factory's, is not. `default` is Sidero's own and keeps its name.
    """
    if name == DEFAULT:
        return name
    booted = _booted(site, lock, item)
    keys = [booted.kernel, booted.initramfs]
    if booted.boot_asset and (item.boot_asset_file or item.schematic_of):
        keys.append(booted.boot_asset)
    content = "".join(find_asset(lock, key).sha512.removeprefix("sha512:") for key in keys)
    suffix = hashlib.sha256(content.encode()).hexdigest()[:8]
    return f"{name[: _NAME_LIMIT - 1 - len(suffix)]}-{suffix}"


def part(values: PlainValues, key: str) -> PlainValues:
    """Return a mapping inside a mapping, empty where there is none."""
    value = values.get(key)
    return value if isinstance(value, dict) else {}


def _asset(site: Site, lock: Lock, name: str) -> PlainValues:
    """Return URL and sha512, in bare hex as the release's own sha512sum.txt has it."""
    pin = find_asset(lock, name)
    return {
        "url": asset_url(site.asset_mirror, name, pin),
        "sha512": pin.sha512.removeprefix("sha512:"),
    }
