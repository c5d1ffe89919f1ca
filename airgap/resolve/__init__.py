"""Resolution: from a site to its lock. Talks to upstream registries and release servers only."""

from airgap.resolve.needs import find_assets, find_images, find_schematics
from airgap.resolve.resolution import Resolution, resolve_site
from airgap.resolve.run import Note

__all__ = [
    "Note",
    "Resolution",
    "find_assets",
    "find_images",
    "find_schematics",
    "resolve_site",
]
