"""The site's asset mirror: boot assets by Talos release."""

from __future__ import annotations

import pulumi

from airgap.plan import ComponentPlan
from components.children import create_sets

__all__ = ["AssetMirror"]


class AssetMirror(pulumi.ComponentResource):
    """An asset mirror with an AssetSet for each Talos release, and the image caches it serves."""

    def __init__(self, plan: ComponentPlan, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(plan.token, plan.name, dict(plan.inputs), opts)
        create_sets(plan, self)
        self.register_outputs({"url": plan.inputs["url"]})
