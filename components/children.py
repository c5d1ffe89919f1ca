"""Planned resources below a component: of this project's dynamic providers, or of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pulumi

from airgap.plan import ComponentPlan, ResourcePlan
from components.cluster import Cluster
from providers.asset_set import AssetSet
from providers.image_cache import ImageCache
from providers.image_set import ImageSet
from providers.manifest_files import ManifestFiles
from providers.schematic import Schematic

__all__ = ["create_objects", "create_sets"]

_Constructor = Callable[[str, Mapping[str, object], pulumi.ResourceOptions], pulumi.Resource]

_CONSTRUCTORS: dict[str, _Constructor] = {
    "AssetSet": AssetSet,
    "ImageCache": ImageCache,
    "ImageSet": ImageSet,
    "ManifestFiles": ManifestFiles,
    "Schematic": Schematic,
}


def create_sets(plan: ComponentPlan, parent: pulumi.Resource) -> list[pulumi.Resource]:
    """Register what is of this project's own providers."""
    opts = pulumi.ResourceOptions(parent=parent)
    return [
        _CONSTRUCTORS[child.kind](child.name, child.inputs, opts)
        for child in plan.children
        if _is_dynamic(child)
    ]


def create_objects(
    plan: ComponentPlan, parent: pulumi.Resource, *, after: Sequence[pulumi.Resource] = ()
) -> None:
    """Register the objects for the cluster, each after those that it needs.

    Args:
        plan: The component's.
        parent: The component.
        after: What all of them need.
    """
    objects = [child for child in plan.children if not _is_dynamic(child)]
    if not objects:
        return
    opts = pulumi.ResourceOptions(parent=parent)
    cluster = Cluster(identifier=pulumi.get_stack(), opts=opts)
    made: dict[str, pulumi.Resource] = {}
    for item in objects:
        before = [*after, *(made[name] for name in item.after)]
        ordered = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=before))
        made[item.name] = cluster.create(item, ordered)


def _is_dynamic(plan: ResourcePlan) -> bool:
    return plan.kind in _CONSTRUCTORS
