"""The fields of an Environment that only the plan document's fork of Sidero has (`airgap.sidero`).

Stock Sidero drops them silently; the flavour `airgap` adds them to what stock gets, since the
fork knows no `skipFallback`, no time and no discovery.
"""

from __future__ import annotations

from airgap.lock.model import Lock
from airgap.plan.caches import cache_url
from airgap.plan.credentials import CREDENTIALS_SECRET, needs_credentials
from airgap.plan.hosts import host_of
from airgap.plan.mirrors import CATCH_ALL, Mirror, Mirrors
from airgap.plan.model import PlainValues
from airgap.site.model import Environment, ImageFactory, Site

__all__ = ["air_gap"]


def air_gap(site: Site, lock: Lock, mirrors: Mirrors, item: Environment) -> PlainValues:
    """Return `spec.airGap`, certificates as PEM."""
    hosts = {host: mirror for host, mirror in mirrors.by_host.items() if host != CATCH_ALL}
    values: dict[str, object] = {
        "enabled": True,
        "assetMirror": site.asset_mirror.url,
        "registryMirrors": {host: _mirror(site, mirror, mirrors) for host, mirror in hosts.items()},
    }
    if cache := cache_url(site, lock, item.talos, item.architecture):
        values["imageCacheURL"] = cache
    if site.image_factory.kind != "none":
        values["localImageFactory"] = _factory(site.image_factory)
    return values


def _mirror(site: Site, mirror: Mirror, mirrors: Mirrors) -> PlainValues:
    values: dict[str, object] = {
        "endpoints": list(mirror.endpoints),
        "overridePath": mirror.override_path,
        "skipVerify": mirror.skip_verify,
    }
    if ca := _ca(mirror, mirrors):
        values["caCert"] = ca
    if secret := mirror.auth_secret_ref or _own_secret(site, mirror):
        values["authSecretRef"] = secret
    return values


def _own_secret(site: Site, mirror: Mirror) -> str | None:
    """Return the Secret with the credentials of the site's registry, where the mirror is that."""
    own = {host_of(place.url) for place in site.registry.endpoints}
    is_own = any(host_of(url) in own for url in mirror.endpoints)
    return CREDENTIALS_SECRET if is_own and needs_credentials(site) else None


def _ca(mirror: Mirror, mirrors: Mirrors) -> str | None:
    """Return the CA of the mirror's first endpoint that has one."""
    if mirror.ca:
        return mirror.ca
    used = (url.removeprefix("https://").partition("/")[0] for url in mirror.endpoints)
    cas = (mirrors.trust[host].ca for host in used if host in mirrors.trust)
    return next((ca for ca in cas if ca), None)


def _factory(factory: ImageFactory) -> PlainValues:
    registry = factory.registry.host if factory.registry else None
    values = {"endpoint": factory.endpoint, "registry": registry}
    known = {key: value for key, value in values.items() if value}
    return {**known, "insecureSkipVerify": False}
