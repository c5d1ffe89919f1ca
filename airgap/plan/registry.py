"""The Registry component: mirrors and trust for people and rules, image sets by need below it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from airgap.lock.model import ImagePin, Lock
from airgap.oci.reference import parse_reference
from airgap.plan.hosts import locked_hosts
from airgap.plan.mirrors import Mirror, Mirrors
from airgap.plan.model import ComponentPlan, PlainValues, ResourcePlan
from airgap.plan.signatures import plan_image_signatures
from airgap.plan.trust import fingerprint
from airgap.site.model import Endpoint, Site

__all__ = ["plan_registry"]

_NEEDS = ("talos", "kubernetes", "extensions", "sidero", "workloads", "signatures")


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
    """
    registry = site.registry
    inputs = {
        "kind": registry.kind,
        "endpoints": [_endpoint(place) for place in registry.endpoints],
        "layout": registry.layout,
        "pathPrefix": registry.path_prefix,
        "hosts": list(locked_hosts(lock)),
        "mirrors": {host: _mirror(mirror) for host, mirror in mirrors.by_host.items()},
        "nodeAuth": registry.node_auth,
        **plan_image_signatures(site, lock),
        "policy": policy,
    }
    children = tuple(_image_set(site, lock, name, need) for need in _NEEDS if _images(lock, need))
    return ComponentPlan(
        kind="Registry", name="registry", inputs=inputs, children=(*children, *manifests)
    )


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


def _image_set(site: Site, lock: Lock, name: str, need: str) -> ResourcePlan:
    registry = site.registry
    target = registry.endpoints[0]
    destination: dict[str, object] = {
        "kind": registry.kind,
        "endpoint": target.url,
        "pathPrefix": registry.path_prefix,
        "layout": registry.layout,
        "overwrite": registry.overwrite,
    }
    if target.ca:
        destination["ca"] = target.ca
    inputs = {
        "set": f"{name}/{need}",
        "destination": destination,
        "images": _by_repository(_images(lock, need)),
        "onDelete": site.retention.on_delete,
    }
    return ResourcePlan(kind="ImageSet", name=f"images-{need}", inputs=inputs)


def _images(lock: Lock, need: str) -> dict[str, ImagePin]:
    return {ref: pin for ref, pin in lock.images.items() if pin.need == need}


def _by_repository(images: dict[str, ImagePin]) -> PlainValues:
    """Return `repository: "tag@digest"`, or a list in version order where there are several."""
    pins: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for text, pin in images.items():
        reference = parse_reference(text)
        tag = reference.tag or ""
        pins[reference.name].append((tag, f"{tag}@{pin.digest}" if tag else pin.digest))
    return {repository: _one_or_many(pins[repository]) for repository in sorted(pins)}


def _one_or_many(pins: Iterable[tuple[str, str]]) -> str | list[str]:
    ordered = [pin for _, pin in sorted(pins, key=lambda item: _version_key(item[0]))]
    return ordered[0] if len(ordered) == 1 else ordered


def _version_key(tag: str) -> tuple[object, ...]:
    """Return a key that orders v1.9.9, v1.9.10, v1.10.0-rc.1, v1.10.0."""
    version, dash, suffix = tag.partition("-")
    return (_pieces(version), not dash, _pieces(suffix))


def _pieces(text: str) -> tuple[tuple[int, str], ...]:
    """Return digits as numbers, and words before them."""
    pieces = re.findall(r"\d+|[^\d]+", text)
    return tuple((int(piece), "") if piece.isdigit() else (-1, piece) for piece in pieces)
