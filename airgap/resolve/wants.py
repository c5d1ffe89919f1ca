"""An image that is wanted, with why: for the lock in short, for people link by link."""

from __future__ import annotations

from dataclasses import dataclass, replace

from airgap.lock import Need
from airgap.oci.reference import Reference, parse_reference
from airgap.workloads import ARROW

__all__ = ["ImageWant", "short_name", "want_image"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageWant:
    """An image to pin.

    Attributes:
        reference: With a digest where its author gave one.
        need: The set it belongs to.
        needed_by: What pulls it in, sorted: goes into the lock.
        chains: The same link by link, from a place of the site to the image.
        made: Whether a factory makes it when it is asked for, which takes minutes.
    """

    reference: Reference
    need: Need
    needed_by: tuple[str, ...]
    chains: tuple[str, ...] = ()
    made: bool = False

    def also_for(self, needed_by: tuple[str, ...], chains: tuple[str, ...] = ()) -> ImageWant:
        """Return the want with more reasons; the set stays."""
        reasons = tuple(sorted({*self.needed_by, *needed_by}))
        return replace(
            self, needed_by=reasons, chains=tuple(dict.fromkeys((*self.chains, *chains)))
        )


def want_image(
    reference: str, need: Need, reason: str, *chain: str, made: bool = False
) -> ImageWant:
    """Return a want with one reason, and one chain to it."""
    return ImageWant(
        reference=parse_reference(reference),
        need=need,
        needed_by=(reason,),
        chains=(ARROW.join(chain),),
        made=made,
    )


def short_name(reference: str) -> str:
    """Return `kube-proxy` of `registry.k8s.io/kube-proxy:v1.34.1`."""
    return reference.rpartition("/")[2].partition(":")[0]
