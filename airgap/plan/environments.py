"""Sidero Environments: what machines PXE-boot, from the site's asset mirror alone."""

from __future__ import annotations

from airgap.lock.model import Lock
from airgap.plan.assets import asset_url, find_asset
from airgap.plan.fork import air_gap
from airgap.plan.mirrors import Mirrors
from airgap.plan.model import PlainValues
from airgap.site.model import Environment, Site
from airgap.talos import environment_kernel_args, initramfs_name, kernel_name

__all__ = ["DEFAULT", "plan_environments"]

DEFAULT = "default"


def plan_environments(site: Site, lock: Lock, mirrors: Mirrors) -> dict[str, PlainValues]:
    """Return the environments by name, sorted, `default` always among them.

    Sidero makes an Environment `default` of its own that points to GitHub and fails for ever in an
    air gap: it becomes the site's first environment, unless the author describes one of that name.
    """
    declared = {item.name: item for item in site.environments}
    if site.environments:
        declared.setdefault(DEFAULT, site.environments[0])
    return {name: _environment(site, lock, mirrors, declared[name]) for name in sorted(declared)}


def _environment(site: Site, lock: Lock, mirrors: Mirrors, item: Environment) -> PlainValues:
    values: dict[str, object] = {
        "talos": item.talos,
        "architecture": item.architecture,
        "kernel": _asset(site, lock, f"{item.talos}/{kernel_name(item.architecture)}"),
        "initrd": _asset(site, lock, f"{item.talos}/{initramfs_name(item.architecture)}"),
        "kernelArgs": list(environment_kernel_args(item.talos, item.extra_kernel_args)),
    }
    if site.sidero.flavour == "airgap":
        values["airGap"] = air_gap(site, mirrors)
    return values


def _asset(site: Site, lock: Lock, name: str) -> PlainValues:
    """Return URL and sha512, in bare hex as the release's own sha512sum.txt has it."""
    pin = find_asset(lock, name)
    return {
        "url": asset_url(site.asset_mirror, name, pin),
        "sha512": pin.sha512.removeprefix("sha512:"),
    }
