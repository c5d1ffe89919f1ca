"""The topology as Pulumi components: no I/O, each made from its part of the plan.

A component takes its `ComponentPlan` (one frozen value) and options. Its plain inputs become its
own inputs, so that preview, policies and reports read them whatever the delivery is.
"""

from components.asset_mirror import AssetMirror
from components.image_factory import ImageFactory
from components.registry import Registry
from components.sidero_environment import SideroEnvironment
from components.site import Site

__all__ = ["AssetMirror", "ImageFactory", "Registry", "SideroEnvironment", "Site"]
