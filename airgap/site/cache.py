"""Image caches: images that machines find on a medium or a disk, without any registry."""

from __future__ import annotations

from typing import Annotated, Literal

from airgap.site.document import Document, Flag, Kept, example

__all__ = ["CacheVolume", "ImageCache"]


class CacheVolume(Document):
    """The disk partition IMAGECACHE that Talos copies a medium's cache to when it installs."""

    min_size: Annotated[str, example("500MiB")] = "500MiB"
    """The least it takes, such as 500MiB."""
    max_size: Annotated[str, example("10GiB")] = "10GiB"
    """The most it takes, such as 10GiB."""
    disk_selector: Annotated[str, example("system_disk", "disk.size > 100u * GB")] = "system_disk"
    """Which disk, as a CEL expression of Talos' VolumeConfig."""


class ImageCache(Document):
    """Images that machines find without any registry (Talos' image cache).

    Its content is what the site's clusters need, for each Talos release and architecture.
    """

    enabled: Flag = False
    """Whether machines look for one (Talos' `imageCache.localEnabled`)."""
    medium: Annotated[Literal["none", "cd", "usb", "diskImage"], Kept] = "none"
    """How it reaches machines: not, on a read-only virtual cd, a usb stick, in a disk image."""
    write_protected: Flag = False
    """Whether the usb stick cannot be written to: Sidero's agent wipes every disk that can."""
    publish: tuple[Annotated[Literal["tar", "flat", "image", "iso", "vfat"], Kept], ...] = ()
    """What to make of it: tar or flat (a tar of the tree) or iso or vfat on the asset mirror, image
    in the registry."""
    repository: Annotated[str, example("image-cache")] = "image-cache"
    """Its repository in the site's registry (publish: image); the tag is release-architecture."""
    signatures: Flag | None = None
    """Whether signatures are in it; by default from Talos 1.13 on, which reads them."""
    volume: CacheVolume | None = None
    """The partition that Talos copies it to; without one machines need the medium at each boot."""
