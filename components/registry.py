"""The site's registry: what nodes are told of it, and the image sets it holds."""

from __future__ import annotations

import pulumi

from airgap.plan import ComponentPlan
from components.children import create_sets

__all__ = ["Registry"]


class Registry(pulumi.ComponentResource):
    """A registry with an ImageSet for each need, and the image caches it holds."""

    def __init__(self, plan: ComponentPlan, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(plan.token, plan.name, dict(plan.inputs), opts)
        create_sets(plan, self)
        self.register_outputs({"endpoints": plan.inputs["endpoints"]})
