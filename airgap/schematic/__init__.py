"""Schematics: the model, the canonical text and the ID, as siderolabs/image-factory makes them.

Pure: no network, no disk. Specification: image-factory v1.5.0, `pkg/schematic`.
"""

from airgap.schematic.build import schematic_for
from airgap.schematic.canonical import canonical_yaml, plain_schematic, schematic_id
from airgap.schematic.decode import parse_schematic
from airgap.schematic.model import Customization, Overlay, Schematic, SystemExtensions

__all__ = [
    "Customization",
    "Overlay",
    "Schematic",
    "SystemExtensions",
    "canonical_yaml",
    "parse_schematic",
    "plain_schematic",
    "schematic_for",
    "schematic_id",
]
