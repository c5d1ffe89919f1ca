"""Sidero's environments and server classes, as files or in the cluster."""

from __future__ import annotations

import pulumi

from airgap.plan import ComponentPlan
from components.children import create_objects, create_sets

__all__ = ["SideroEnvironment"]


class SideroEnvironment(pulumi.ComponentResource):
    """The Sidero objects of a site.

    In `cluster` delivery it reads the secret config values `kubeconfig` and, where nodes get
    credentials, `credentials` of the namespace `sidero-airgap`.
    """

    def __init__(self, plan: ComponentPlan, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(plan.token, plan.name, dict(plan.inputs), opts)
        create_sets(plan, self)
        create_objects(plan, self)
        self.register_outputs({"environments": plan.inputs["environments"]})
