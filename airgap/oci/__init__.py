"""OCI image specification v1.1 and distribution specification v1.1.

The values here (`reference`, `manifest`) are pure; `client` talks to registries.
"""

from airgap.oci.manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    Manifest,
    Platform,
    parse_manifest,
)
from airgap.oci.reference import Reference, parse_reference

__all__ = [
    "INDEX_TYPES",
    "MANIFEST_TYPES",
    "Descriptor",
    "Manifest",
    "Platform",
    "Reference",
    "parse_manifest",
    "parse_reference",
]
