"""The site's Image Factory: its schematics, what it reads, and where it is deployed, it itself."""

from __future__ import annotations

import pulumi

from airgap.plan import ComponentPlan
from components.children import create_objects, create_sets

__all__ = ["ImageFactory"]


class ImageFactory(pulumi.ComponentResource):
    """An Image Factory with a Schematic for each server class; without one nothing is below it.

    The images that it reads come before its objects, and `up` waits for neither pod nor answer
    (`pulumi.com/skipAwait`): `python -m airgap factory status` tells whether it can build. In
    `cluster` delivery it reads the secret config value `kubeconfig` and others that its objects
    need, of the namespace `sidero-airgap`.
    """

    def __init__(self, plan: ComponentPlan, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(plan.token, plan.name, dict(plan.inputs), opts)
        create_objects(plan, self, after=create_sets(plan, self))
        self.register_outputs({"schematics": plan.inputs["schematics"]})
