"""Resolution: from a site to its lock. Talks to upstream registries and release servers only."""

from airgap.resolve.image_needs import find_images
from airgap.resolve.listing import Listed, list_images, why
from airgap.resolve.needs import find_assets, find_schematics
from airgap.resolve.resolution import Resolution, resolve_site
from airgap.resolve.run import Note

__all__ = [
    "Listed",
    "Note",
    "Resolution",
    "find_assets",
    "find_images",
    "find_schematics",
    "list_images",
    "resolve_site",
    "why",
]
