"""The `airGap` field of an Environment, as the plan document's fork of Sidero has it.

Stock Sidero drops the field silently; the flavour `airgap` adds it to what stock gets, since the
fork knows no `skipFallback`, no time and no discovery.
"""

from __future__ import annotations

from airgap.plan.mirrors import CATCH_ALL, Mirror, Mirrors
from airgap.plan.model import PlainValues
from airgap.site.model import ImageFactory, Site

__all__ = ["air_gap"]


def air_gap(site: Site, mirrors: Mirrors) -> PlainValues:
    """Return `spec.airGap`, certificates as PEM."""
    hosts = {host: mirror for host, mirror in mirrors.by_host.items() if host != CATCH_ALL}
    values: dict[str, object] = {
        "enabled": True,
        "assetMirror": site.asset_mirror.url,
        "registryMirrors": {host: _mirror(mirror, mirrors) for host, mirror in hosts.items()},
    }
    if site.image_factory.kind != "none":
        values["localImageFactory"] = _factory(site.image_factory)
    return values


def _mirror(mirror: Mirror, mirrors: Mirrors) -> PlainValues:
    values: dict[str, object] = {
        "endpoints": list(mirror.endpoints),
        "overridePath": mirror.override_path,
        "skipVerify": mirror.skip_verify,
    }
    if ca := _ca(mirror, mirrors):
        values["caCert"] = ca
    if mirror.auth_secret_ref:
        values["authSecretRef"] = mirror.auth_secret_ref
    return values


def _ca(mirror: Mirror, mirrors: Mirrors) -> str | None:
    """Return the CA of the mirror's first endpoint that has one."""
    if mirror.ca:
        return mirror.ca
    used = (url.removeprefix("https://").partition("/")[0] for url in mirror.endpoints)
    cas = (mirrors.trust[host].ca for host in used if host in mirrors.trust)
    return next((ca for ca in cas if ca), None)


def _factory(factory: ImageFactory) -> PlainValues:
    values = {"endpoint": factory.endpoint, "registry": factory.registry}
    known = {key: value for key, value in values.items() if value}
    return {**known, "insecureSkipVerify": False}
