"""What a Talos release has of system extensions and overlays, read from its catalogue images.

Source: siderolabs/image-factory v1.5.0, `internal/artifacts`.
"""

from airgap.resolve.catalogue.extensions import Extension, parse_extensions, read_extensions
from airgap.resolve.catalogue.names import (
    Kind,
    aliases_of,
    find_named,
    unknown_name,
)
from airgap.resolve.catalogue.offered import Catalogue, Offered, read_catalogue
from airgap.resolve.catalogue.overlays import Overlay, parse_overlays, read_overlays

__all__ = [
    "Catalogue",
    "Extension",
    "Kind",
    "Offered",
    "Overlay",
    "aliases_of",
    "find_named",
    "parse_extensions",
    "parse_overlays",
    "read_catalogue",
    "read_extensions",
    "read_overlays",
    "unknown_name",
]
