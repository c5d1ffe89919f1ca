"""The images that a site's manifests name, and whether a lock has them.

What a manifest names on the site's own registry or factory is inside already: on a registry with
layout `prefix` it is read back to its upstream name, else it is none of the lock's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from airgap.errors import Fault
from airgap.lock.keys import image_key, site_images
from airgap.lock.model import Lock
from airgap.oci.reference import Reference, is_registry_host, parse_reference
from airgap.site.model import Site
from airgap.workloads import ARROW

__all__ = ["MANIFEST", "Named", "compare_manifests", "manifest_images"]

MANIFEST = "manifest "
"""In `needed_by`, before the path: the image is named in a manifest of the site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An image that manifests name.

    Attributes:
        reference: What is locked.
        manifests: Indices of the site's manifests that name it.
        chains: Entry → file → object → path, each place.
    """

    reference: Reference
    manifests: tuple[int, ...]
    chains: tuple[str, ...]

    def reasons(self, site: Site) -> tuple[str, ...]:
        """Return what goes into `needed_by`."""
        return tuple(sorted({MANIFEST + site.manifests[index].path for index in self.manifests}))


def manifest_images(site: Site) -> dict[str, Named]:
    """Return the images that the site's manifests name and the lock has to have, by key.

    A tag that is named with two digests cannot name both: the later one is known by its digest.

    Raises:
        SiteError: One of the site's own images is no reference.
    """
    found: dict[str, Named] = {}
    taken = {key: reference.digest for key, reference in site_images(site).items()}
    for index, manifest in enumerate(site.manifests):
        for text, chains in manifest.images.items():
            reference = _upstream(site, parse_reference(text))
            if reference is None:
                continue
            other = taken.get(image_key(reference))
            if other and reference.digest and other != reference.digest:
                reference = replace(reference, tag=None)
            key = image_key(reference)
            taken[key] = reference.digest or other
            own = Named(
                reference=reference,
                manifests=(index,),
                chains=tuple(f"manifests[{index}]{ARROW}{chain}" for chain in chains),
            )
            found[key] = _joined(found[key], own) if key in found else own
    return dict(sorted(found.items()))


def _joined(before: Named, now: Named) -> Named:
    reference = before.reference if before.reference.digest else now.reference
    return Named(
        reference=reference,
        manifests=(*before.manifests, *now.manifests),
        chains=(*before.chains, *now.chains),
    )


def _upstream(site: Site, reference: Reference) -> Reference | None:
    """Return a reference as upstream knows it; None for what is inside only."""
    factory = site.image_factory
    written = factory.registry.host if factory.registry else None
    inside = {urlsplit(factory.endpoint).netloc if factory.endpoint else None, written}
    registries = {urlsplit(endpoint.url).netloc for endpoint in site.registry.endpoints}
    if reference.registry not in inside | registries:
        return reference
    prefix = f"{site.registry.path_prefix}/" if site.registry.path_prefix else ""
    rest = reference.repository.removeprefix(prefix)
    host, _, repository = rest.partition("/")
    carried = reference.repository.startswith(prefix) and site.registry.layout == "prefix"
    if not carried or not repository or not is_registry_host(host):
        return None
    return replace(reference, registry=host, repository=repository)


def compare_manifests(site: Site, lock: Lock) -> Iterator[Fault]:
    """Yield a fault for each image of a manifest that the lock lacks, or has for no manifest."""
    wanted = manifest_images(site)
    for key, named in wanted.items():
        pin = lock.images.get(key)
        digest = named.reference.digest
        if pin is None:
            yield _fault(named, f"lock does not have {named.reference}")
        elif digest is not None and str(digest) != pin.digest:
            yield _fault(named, f"lock has {key} as {pin.digest}, not as {digest}")
    for key, pin in lock.images.items():
        stale = all(reason.startswith(MANIFEST) for reason in pin.needed_by)
        if stale and pin.needed_by and key not in wanted:
            message = f"lock has {key} for {', '.join(pin.needed_by)}, site has nothing"
            yield Fault(path="manifests", message=message)


def _fault(named: Named, message: str) -> Fault:
    more = len(named.chains) - 1
    places = f"{named.chains[0]}{f', and {more} more places' if more else ''}"
    return Fault(path="images", message=f"{message}, which is named by {places}")
