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

    Sidero fetches an Environment's assets the moment it sees it, and remembers failures only by
    URL: environments come after everything they point to is published.
    """

    def __init__(self, plan: Plan, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(plan.site.token, plan.site.name, dict(plan.site.inputs), opts)
        below = pulumi.ResourceOptions(parent=self)
        published: list[pulumi.Resource] = [
            Registry(plan.registry, below),
            AssetMirror(plan.asset_mirror, below),
            ImageFactory(plan.image_factory, below),
        ]
        after = pulumi.ResourceOptions(parent=self, depends_on=published)
        SideroEnvironment(plan.sidero, after)
        self.register_outputs({"site": plan.site.name})
