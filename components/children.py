"""A planned resource as a resource of this project's dynamic providers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pulumi

from airgap.plan import ResourcePlan
from providers.asset_set import AssetSet
from providers.image_cache import ImageCache
from providers.image_set import ImageSet
from providers.manifest_files import ManifestFiles
from providers.schematic import Schematic

__all__ = ["create_child", "is_dynamic"]

_Constructor = Callable[[str, Mapping[str, object], pulumi.ResourceOptions], pulumi.Resource]

_CONSTRUCTORS: dict[str, _Constructor] = {
    "AssetSet": AssetSet,
    "ImageCache": ImageCache,
    "ImageSet": ImageSet,
    "ManifestFiles": ManifestFiles,
    "Schematic": Schematic,
}


def is_dynamic(plan: ResourcePlan) -> bool:
    """Tell whether the resource is of this project's own providers."""
    return plan.kind in _CONSTRUCTORS


def create_child(plan: ResourcePlan, opts: pulumi.ResourceOptions) -> pulumi.Resource:
    """Register the resource."""
    return _CONSTRUCTORS[plan.kind](plan.name, plan.inputs, opts)
