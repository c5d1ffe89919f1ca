"""`image-cache …`: make caches of the images that machines need, and what puts one on a disk."""

from __future__ import annotations

import click

from airgap.cli.image_cache.create import create
from airgap.cli.image_cache.profile import profile

__all__ = ["image_cache"]


@click.group("image-cache")
def image_cache() -> None:
    """Make Talos image caches from the store: media, archives, what imager reads.

    Machines find the cache on a volume whose label begins with TALOS_ (a read-only virtual CD, a
    write-protected stick) or on a disk that imager made. They never fetch one over HTTP.
    """


for command in (create, profile):
    image_cache.add_command(command)
