"""A site, whole: bytes first, then the objects that send machines to them."""

from __future__ import annotations

import pulumi

from airgap.plan import Plan
from components.asset_mirror import AssetMirror
from components.image_factory import ImageFactory
from components.registry import Registry
from components.sidero_environment import SideroEnvironment

__all__ = ["Site"]


class Site(pulumi.ComponentResource):
    """The four parts of a site.

    What an Image Factory reads is mounted from what the registry has: it comes after that. Sidero
    fetches an Environment's assets the moment it sees it, and remembers failures only by URL:
    environments come after everything they point to is published.
    """

    def __init__(self, plan: Plan, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(plan.site.token, plan.site.name, dict(plan.site.inputs), opts)
        below = pulumi.ResourceOptions(parent=self)
        registry = Registry(plan.registry, below)
        filled = pulumi.ResourceOptions(parent=self, depends_on=[registry])
        published: list[pulumi.Resource] = [
            registry,
            AssetMirror(plan.asset_mirror, below),
            ImageFactory(plan.image_factory, filled),
        ]
        after = pulumi.ResourceOptions(parent=self, depends_on=published)
        SideroEnvironment(plan.sidero, after)
        self.register_outputs({"site": plan.site.name})
