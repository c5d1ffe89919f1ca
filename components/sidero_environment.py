"""Sidero's environments and server classes, as files or in the cluster."""

from __future__ import annotations

import pulumi

from airgap.plan import ComponentPlan
from components.children import create_child, is_dynamic
from components.cluster import Cluster

__all__ = ["SideroEnvironment"]


class SideroEnvironment(pulumi.ComponentResource):
    """The Sidero objects of a site.

    In `cluster` delivery it reads the secret config values `kubeconfig` and, where nodes get
    credentials, `credentials` of the namespace `sidero-airgap`.
    """

    def __init__(self, plan: ComponentPlan, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(plan.token, plan.name, dict(plan.inputs), opts)
        child_opts = pulumi.ResourceOptions(parent=self)
        for child in plan.children:
            if is_dynamic(child):
                create_child(child, child_opts)
        self._deliver(plan, child_opts)
        self.register_outputs({"environments": plan.inputs["environments"]})

    def _deliver(self, plan: ComponentPlan, opts: pulumi.ResourceOptions) -> None:
        """Register the objects for the cluster, each after the one before it needs."""
        objects = [child for child in plan.children if not is_dynamic(child)]
        if not objects:
            return
        cluster = Cluster(identifier=pulumi.get_stack(), opts=opts)
        made: dict[str, pulumi.Resource] = {}
        for item in objects:
            before = [made[name] for name in item.after]
            ordered = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=before))
            made[item.name] = cluster.create(item, ordered)
