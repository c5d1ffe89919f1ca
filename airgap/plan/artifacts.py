"""What the site's Image Factory reads, at the places where it looks: `<registry>/siderolabs/…`.

A factory takes an upstream path without its host (`artifacts.core.registry` and, from v1.4.0,
`.namespace`; siderolabs/image-factory v1.5.0 `internal/artifacts`). Where the site's layout keeps
the host, these images are there a second time, by name: the registry has each blob once.
"""

from __future__ import annotations

from airgap.lock.factory import factory_artifacts, factory_signatures
from airgap.lock.model import Lock
from airgap.plan.model import ResourcePlan
from airgap.plan.pins import by_repository
from airgap.plan.registry import registry_destination
from airgap.site.model import Site

__all__ = ["ARTIFACTS", "artifact_digests", "is_published_for_factory", "plan_artifacts"]

ARTIFACTS = "factory-artifacts"
"""The set's name, behind the site's own."""


def plan_artifacts(site: Site, lock: Lock, *, name: str) -> tuple[ResourcePlan, ...]:
    """Return the set of what the factory reads; nothing where it is at those places already."""
    digests = artifact_digests(lock) if is_published_for_factory(site) else {}
    if not digests:
        return ()
    inputs = {
        "set": f"{name}/{ARTIFACTS}",
        "destination": {**registry_destination(site.registry), "layout": "flat"},
        "images": by_repository(digests),
        "onDelete": site.retention.on_delete,
    }
    return (ResourcePlan(kind="ImageSet", name=ARTIFACTS, inputs=inputs),)


def is_published_for_factory(site: Site) -> bool:
    """Tell whether images have to be in the registry a second time, for a factory to find."""
    has_both = site.image_factory.kind != "none" and site.registry.kind != "none"
    return has_both and site.registry.layout != "flat"


def artifact_digests(lock: Lock) -> dict[str, str]:
    """Return what a factory reads, signatures included, by reference."""
    pins = factory_artifacts(lock) | factory_signatures(lock)
    return {reference: pin.digest for reference, pin in sorted(pins.items())}
