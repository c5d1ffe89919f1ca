"""The AssetMirror component: boot assets and where they are served; a set a Talos release."""

from __future__ import annotations

from collections import defaultdict

from airgap.errors import Fault, LockError
from airgap.lock.model import AssetPin, Lock
from airgap.plan.caches import plan_image_caches
from airgap.plan.model import ComponentPlan, PlainValues, ResourcePlan
from airgap.plan.signatures import plan_release_signatures
from airgap.plan.trust import certificates, fingerprint
from airgap.site.model import AssetMirror, Site

__all__ = ["asset_url", "find_asset", "plan_asset_mirror"]

_URL_DIGITS = 16


def plan_asset_mirror(
    site: Site,
    lock: Lock,
    policy: PlainValues,
    manifests: tuple[ResourcePlan, ...] = (),
    *,
    name: str,
) -> ComponentPlan:
    """Return the asset mirror; its sets carry the site's name, as those of the registry do."""
    mirror = site.asset_mirror
    inputs: dict[str, object] = {"kind": mirror.kind, "url": mirror.url}
    if mirror.path:
        inputs["path"] = mirror.path
    if mirror.ca:
        inputs["caFingerprint"] = fingerprint(mirror.ca)
        inputs |= certificates([mirror.ca])
    inputs["assetLink"] = site.sidero.asset_link
    inputs["assets"] = {name: _asset(pin) for name, pin in sorted(lock.assets.items())}
    inputs |= plan_release_signatures(site, lock)
    inputs["policy"] = policy
    return ComponentPlan(
        kind="AssetMirror",
        name="asset-mirror",
        inputs=inputs,
        children=(
            *_asset_sets(site, lock, name),
            *plan_image_caches(site, lock, _destination(mirror), name=name, of="files"),
            *manifests,
        ),
    )


def find_asset(lock: Lock, name: str) -> AssetPin:
    """Return the pin of `<version>/<file>`, or `<version>/<schematic ID>/<file>`.

    Raises:
        LockError: The lock does not have it.
    """
    try:
        return lock.assets[name]
    except KeyError:
        fault = Fault(path=f"assets.{name}", message="is not in the lock")
        raise LockError("lock", [fault], hint="run: python -m airgap lock <site>") from None


def asset_url(mirror: AssetMirror, name: str, pin: AssetPin) -> str:
    """Return the content-addressed URL `<mirror>/<version>/[<ID>/]<sha512[:16]>/<file>`.

    Sidero fetches a boot asset again only when its URL changes, and never checks its sha512.
    """
    directory, _, file = name.rpartition("/")
    digits = pin.sha512.removeprefix("sha512:")[:_URL_DIGITS]
    return f"{mirror.url.rstrip('/')}/{directory}/{digits}/{file}"


def _asset(pin: AssetPin) -> PlainValues:
    return {"sha512": pin.sha512, "size": pin.size}


def _asset_sets(site: Site, lock: Lock, site_name: str) -> tuple[ResourcePlan, ...]:
    by_version: defaultdict[str, dict[str, PlainValues]] = defaultdict(dict)
    for name, pin in sorted(lock.assets.items()):
        by_version[name.partition("/")[0]][name] = {"sha256": pin.sha256, **_asset(pin)}
    return tuple(
        ResourcePlan(
            kind="AssetSet",
            name=f"assets-talos-{version}",
            inputs={
                "set": f"{site_name}/talos-{version}",
                "destination": _destination(site.asset_mirror),
                "assets": assets,
                "onDelete": site.retention.on_delete,
            },
        )
        for version, assets in sorted(by_version.items())
    )


def _destination(mirror: AssetMirror) -> PlainValues:
    destination = {"kind": mirror.kind, "url": mirror.url}
    if mirror.path:
        destination["path"] = mirror.path
    return destination | ({"ca": mirror.ca} if mirror.ca else {})
