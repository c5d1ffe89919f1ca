"""Schematics: the model, the canonical text and the ID, as siderolabs/image-factory makes them.

Pure: no network, no disk. Specification: image-factory v1.5.0, `pkg/schematic`.
"""

from airgap.schematic.build import schematic_for
from airgap.schematic.canonical import canonical_yaml, plain_schematic, schematic_id
from airgap.schematic.decode import parse_schematic
from airgap.schematic.engine import GENERATIONS, Generation
from airgap.schematic.fields import FIELDS, Field, carries, enrols, used_fields
from airgap.schematic.migration import IdChange, Requoted, changed_ids, ids_by_generation
from airgap.schematic.model import (
    Customization,
    Overlay,
    Schematic,
    SecureBoot,
    SystemExtensions,
)
from airgap.schematic.outputs import Output, OutputKind, read_output
from airgap.schematic.refusal import EXTENSION_ALIASES, check_build, check_schematic
from airgap.schematic.releases import NEWEST_KNOWN, is_at_least

__all__ = [
    "EXTENSION_ALIASES",
    "FIELDS",
    "GENERATIONS",
    "NEWEST_KNOWN",
    "Customization",
    "Field",
    "Generation",
    "IdChange",
    "Output",
    "OutputKind",
    "Overlay",
    "Requoted",
    "Schematic",
    "SecureBoot",
    "SystemExtensions",
    "canonical_yaml",
    "carries",
    "changed_ids",
    "check_build",
    "check_schematic",
    "enrols",
    "ids_by_generation",
    "is_at_least",
    "parse_schematic",
    "plain_schematic",
    "read_output",
    "schematic_for",
    "schematic_id",
    "used_fields",
]
