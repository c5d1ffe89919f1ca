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

__all__ = ["DEFAULT", "object_name", "part", "plan_environments"]

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
    return {name: _environment(site, lock, mirrors, declared[name]) for name in sorted(declared)}


def _environment(site: Site, lock: Lock, mirrors: Mirrors, item: Environment) -> PlainValues:
    kernel, initramfs = kernel_name(item.architecture), initramfs_name(item.architecture)
    values: dict[str, object] = {
        "talos": item.talos,
        "architecture": item.architecture,
        "kernel": _asset(site, lock, f"{item.talos}/{kernel}"),
        "initrd": _asset(site, lock, f"{item.talos}/{initramfs}"),
        "kernelArgs": list(environment_kernel_args(item.talos, item.extra_kernel_args)),
    }
    if site.sidero.flavour == "airgap":
        values["airGap"] = air_gap(site, mirrors)
    return values


def object_name(name: str, values: PlainValues) -> str:
    """Return the name of the Environment in the cluster: the author's, and what it boots.

    Sidero keeps one folder an Environment and writes over what is there without truncating it
    (docs/adr/0004): new bytes get a new folder. `default` is Sidero's own and keeps its name.
    """
    if name == DEFAULT:
        return name
    content = "".join(str(part(values, key)["sha512"]) for key in ("kernel", "initrd"))
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
