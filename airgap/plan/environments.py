"""Sidero Environments: what machines PXE-boot, from the site's asset mirror alone."""

from __future__ import annotations

import hashlib

from airgap.lock.model import Lock
from airgap.plan.assets import asset_url, find_asset
from airgap.plan.fork import air_gap
from airgap.plan.mirrors import Mirrors
from airgap.plan.model import PlainValues
from airgap.site.model import Environment, Site
from airgap.talos import environment_kernel_args, initramfs_name, kernel_name

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
            "object": _object_name(name, lock, item),
            **_environment(site, lock, mirrors, item),
        }
        for name, item in sorted(declared.items())
    }


def _environment(site: Site, lock: Lock, mirrors: Mirrors, item: Environment) -> PlainValues:
    kernel, initramfs = _booted(item)
    values: dict[str, object] = {
        "talos": item.talos,
        "architecture": item.architecture,
        "kernel": _asset(site, lock, kernel),
        "initrd": _asset(site, lock, initramfs),
        "kernelArgs": list(environment_kernel_args(item.talos, item.extra_kernel_args)),
    }
    if site.sidero.flavour == "airgap":
        if item.boot_asset:
            values["bootAsset"] = _asset(site, lock, f"{item.talos}/{item.boot_asset}")
        values["airGap"] = air_gap(site, lock, mirrors, item)
    return values


def _booted(item: Environment) -> tuple[str, str]:
    """Return what the lock calls an environment's kernel and initramfs."""
    kernel, initramfs = kernel_name(item.architecture), initramfs_name(item.architecture)
    return f"{item.talos}/{kernel}", f"{item.talos}/{initramfs}"


def _object_name(name: str, lock: Lock, item: Environment) -> str:
    """Return the name of the Environment in the cluster: the author's, and what it boots.

    Sidero keeps one folder an Environment and writes over what is there without truncating it
    (docs/adr/0004): new bytes get a new folder. A release's disk image is as its kernel is; one of
    the author's own is not. `default` is Sidero's own and keeps its name.
    """
    if name == DEFAULT:
        return name
    own = (f"{item.talos}/{item.boot_asset}",) if item.boot_asset_file else ()
    pins = [find_asset(lock, key) for key in (*_booted(item), *own)]
    content = "".join(pin.sha512.removeprefix("sha512:") for pin in pins)
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
