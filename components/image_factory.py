"""The site's Image Factory: a registered schematic for each server class that has one."""

from __future__ import annotations

import pulumi

from airgap.plan import ComponentPlan
from components.children import create_child

__all__ = ["ImageFactory"]


class ImageFactory(pulumi.ComponentResource):
    """An Image Factory with its Schematics; without one (`kind: none`) it has no children."""

    def __init__(self, plan: ComponentPlan, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(plan.token, plan.name, dict(plan.inputs), opts)
        for child in plan.children:
            create_child(child, pulumi.ResourceOptions(parent=self))
        self.register_outputs({"schematics": plan.inputs["schematics"]})
