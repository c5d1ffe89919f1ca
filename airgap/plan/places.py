"""Whether each image has a place of its own in the site's registry."""

from __future__ import annotations

from collections import defaultdict

from airgap.errors import Fault, SiteError
from airgap.lock.model import Lock
from airgap.oci.reference import parse_reference
from airgap.site.model import Registry

__all__ = ["check_places"]


def check_places(registry: Registry, lock: Lock) -> None:
    """Refuse a layout that would put two images under one name.

    Raises:
        SiteError: Layout flat, and upstream hosts have the same repository and tag.
    """
    if registry.layout != "flat":
        return
    places: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for text, pin in lock.images.items():
        reference = parse_reference(text)
        if reference.tag:
            places[f"{reference.repository}:{reference.tag}"][pin.digest] = text
    faults = [
        Fault(
            path="registry.layout",
            message=f"flat has one place for {' and '.join(sorted(images.values()))}",
            hint="use layout: prefix, which keeps the upstream host",
        )
        for images in places.values()
        if len(images) > 1
    ]
    if faults:
        raise SiteError("site", faults)
