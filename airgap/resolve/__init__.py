"""Resolution: from a site to its lock. Talks to upstream registries and release servers only."""

from airgap.resolve.needs import find_assets, find_images, find_schematics
from airgap.resolve.progress import Event, Progress
from airgap.resolve.resolution import Resolution, resolve_site
from airgap.resolve.run import Note
from airgap.resolve.sources import open_upstream

__all__ = [
    "Event",
    "Note",
    "Progress",
    "Resolution",
    "find_assets",
    "find_images",
    "find_schematics",
    "open_upstream",
    "resolve_site",
]
