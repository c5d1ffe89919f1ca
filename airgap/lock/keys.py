"""How images are called in a lock, and the site's own ones."""

from __future__ import annotations

from airgap.oci.reference import Reference, parse_reference
from airgap.site.model import Site

__all__ = ["image_key", "site_images"]


def site_images(site: Site) -> dict[str, Reference]:
    """Return the site's own images by their key in the lock.

    Raises:
        SiteError: One is no image reference.
    """
    references = [
        parse_reference(text, path=f"images[{place}]") for place, text in enumerate(site.images)
    ]
    return {image_key(reference): reference for reference in references}


def image_key(reference: Reference) -> str:
    """Return an image's key in a lock: its tag where it has one (the pin holds the digest)."""
    if reference.tag:
        return f"{reference.name}:{reference.tag}"
    return str(reference)
