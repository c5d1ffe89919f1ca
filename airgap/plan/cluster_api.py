"""The same configuration for machines that Cluster API's Talos providers configure.

Merge patches of a TalosControlPlane and a TalosConfigTemplate (v1alpha3), whose
`strategicPatches` CABPT v0.6.5 and newer apply to what they generate. `configPatches` are never
given: they fail as soon as the generated configuration has several documents (Talos 1.12).
"""

from __future__ import annotations

from airgap.plan.model import PlainValues

__all__ = ["config_template_patch", "control_plane_patch"]


def control_plane_patch(documents: list[PlainValues]) -> PlainValues:
    """Return what makes a TalosControlPlane's machines get the documents."""
    return {
        "apiVersion": "controlplane.cluster.x-k8s.io/v1alpha3",
        "kind": "TalosControlPlane",
        "spec": {"controlPlaneConfig": {"controlplane": {"strategicPatches": [documents]}}},
    }


def config_template_patch(documents: list[PlainValues]) -> PlainValues:
    """Return what makes a TalosConfigTemplate's machines get the documents."""
    return {
        "apiVersion": "bootstrap.cluster.x-k8s.io/v1alpha3",
        "kind": "TalosConfigTemplate",
        "spec": {"template": {"spec": {"strategicPatches": [documents]}}},
    }
