"""The whole plan of a site."""

from __future__ import annotations

from airgap.lock.model import Lock
from airgap.plan.assets import plan_asset_mirror
from airgap.plan.factory import plan_image_factory
from airgap.plan.hosts import plan_policy
from airgap.plan.mirrors import plan_mirrors
from airgap.plan.model import ComponentPlan, PlainValues, Plan
from airgap.plan.registry import plan_registry
from airgap.plan.serving import plan_serving
from airgap.plan.sidero import plan_sidero
from airgap.plan.upstream import plan_upstream
from airgap.plan.workloads import plan_workloads
from airgap.site.model import Site

__all__ = ["plan_site"]


def plan_site(site: Site, lock: Lock, *, name: str) -> Plan:
    """Return what the stack of a site will hold.

    Args:
        site: Checked, with its CAs read.
        lock: One that fits the site.
        name: The site's name, which is the stack's.

    Raises:
        LockError: The lock lacks an image or a boot asset that the site needs.
    """
    policy = plan_policy(site, lock)
    mirrors = plan_mirrors(site, lock)
    serving = plan_serving(site, name=name)
    beside_registry = site.registry.kind == "embedded"
    return Plan(
        site=_site(site, policy, name),
        registry=plan_registry(
            site, lock, mirrors, policy, serving if beside_registry else (), name=name
        ),
        asset_mirror=plan_asset_mirror(
            site, lock, policy, () if beside_registry else serving, name=name
        ),
        image_factory=plan_image_factory(site, lock, policy, name=name),
        sidero=plan_sidero(site, lock, mirrors, policy, name=name),
    )


def _site(site: Site, policy: PlainValues, name: str) -> ComponentPlan:
    inputs = {
        "site": name,
        "talos": {"versions": list(site.talos.versions)},
        "kubernetes": {"versions": list(site.kubernetes.versions)},
        "architectures": list(site.architectures),
        **_factory(site),
        **plan_workloads(site),
        **plan_upstream(site),
        "policy": policy,
    }
    return ComponentPlan(kind="Site", name=name, inputs=inputs)


def _factory(site: Site) -> PlainValues:
    """Return the release of the factory inside: it bounds the Talos releases that it can build."""
    factory = site.image_factory
    known = factory.kind != "none" and factory.version
    return {"imageFactory": {"version": factory.version}} if known else {}
