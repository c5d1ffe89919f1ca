"""The Registry component: mirrors and trust for people and rules, image sets by need below it."""

from __future__ import annotations

from airgap.lock.model import Lock
from airgap.plan.caches import plan_image_caches
from airgap.plan.hosts import locked_hosts
from airgap.plan.mirrors import Mirror, Mirrors
from airgap.plan.model import ComponentPlan, PlainValues, ResourcePlan
from airgap.plan.pins import by_repository
from airgap.plan.places import check_places
from airgap.plan.signatures import plan_image_signatures
from airgap.plan.trust import certificates, fingerprint
from airgap.site.model import Endpoint, Registry, Site

__all__ = ["plan_registry", "registry_destination"]

_NEEDS = ("talos", "kubernetes", "extensions", "factory", "sidero", "workloads", "signatures")


def plan_registry(
    site: Site,
    lock: Lock,
    mirrors: Mirrors,
    policy: PlainValues,
    manifests: tuple[ResourcePlan, ...] = (),
    *,
    name: str,
) -> ComponentPlan:
    """Return the registry: nothing in its inputs changes when only an image does.

    Sets carry the site's name: sites that share a registry each hold what they name.

    Raises:
        SiteError: The layout has one place for two images.
    """
    check_places(site.registry, lock)
    registry = site.registry
    inputs = {
        "kind": registry.kind,
        "endpoints": [_endpoint(place) for place in registry.endpoints],
        "layout": registry.layout,
        "pathPrefix": registry.path_prefix,
        "hosts": list(locked_hosts(lock)),
        "mirrors": {host: _mirror(mirror) for host, mirror in mirrors.by_host.items()},
        "nodeAuth": registry.node_auth,
        **_image_cache(site),
        "retention": {"keepLocks": site.retention.keep_locks, "onDelete": site.retention.on_delete},
        **certificates([trust.ca for trust in mirrors.trust.values()]),
        **plan_image_signatures(site, lock),
        "policy": policy,
    }
    children = (*_held(site, lock, name), *manifests)
    return ComponentPlan(kind="Registry", name="registry", inputs=inputs, children=children)


def _image_cache(site: Site) -> PlainValues:
    """Return where images come from when no registry has them."""
    if site.registry.kind != "none":
        return {}
    cache = site.image_cache
    return {"imageCache": {"medium": cache.medium, "writeProtected": cache.write_protected}}


def _endpoint(place: Endpoint) -> PlainValues:
    return {"url": place.url} | ({"caFingerprint": fingerprint(place.ca)} if place.ca else {})


def _mirror(mirror: Mirror) -> PlainValues:
    values: dict[str, object] = {
        "endpoints": list(mirror.endpoints),
        "overridePath": mirror.override_path,
        "skipFallback": mirror.skip_fallback,
        "skipVerify": mirror.skip_verify,
    }
    if mirror.ca:
        values["caFingerprint"] = fingerprint(mirror.ca)
    if mirror.auth_secret_ref:
        values["authSecretRef"] = mirror.auth_secret_ref
    return values


def _held(site: Site, lock: Lock, name: str) -> tuple[ResourcePlan, ...]:
    """Return the image sets, and the image caches that are images; without a registry, nothing."""
    if site.registry.kind == "none":
        return ()
    sets = (_image_set(site, lock, name, need) for need in _NEEDS if _images(lock, need))
    caches = plan_image_caches(
        site, lock, registry_destination(site.registry), name=name, of="image"
    )
    return (*sets, *caches)


def _image_set(site: Site, lock: Lock, name: str, need: str) -> ResourcePlan:
    inputs = {
        "set": f"{name}/{need}",
        "destination": registry_destination(site.registry),
        "images": by_repository(_images(lock, need)),
        "onDelete": site.retention.on_delete,
    }
    return ResourcePlan(kind="ImageSet", name=f"images-{need}", inputs=inputs)


def registry_destination(registry: Registry) -> PlainValues:
    """Return where a registry's sets go, as their inputs say it."""
    target = registry.endpoints[0]
    destination: dict[str, object] = {
        "kind": registry.kind,
        "endpoint": target.url,
        "pathPrefix": registry.path_prefix,
        "layout": registry.layout,
        "overwrite": registry.overwrite,
    }
    return destination | ({"ca": target.ca} if target.ca else {})


def _images(lock: Lock, need: str) -> dict[str, str]:
    return {ref: pin.digest for ref, pin in lock.images.items() if pin.need == need}
