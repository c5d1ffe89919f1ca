"""Pin images by reference alone: what `store add` brings, which no site has asked for."""

from __future__ import annotations

from collections.abc import Sequence

from airgap.errors import TransferError
from airgap.lock import ImagePin, Inputs, Lock, image_key
from airgap.oci.reference import Reference, parse_reference
from airgap.progress import Progress, Tally
from airgap.resolve.images import resolve_image
from airgap.resolve.selection import Selection
from airgap.resolve.signatures import Collection
from airgap.resolve.upgrade import Upgrade
from airgap.resolve.wants import ImageWant
from airgap.signature import ArtifactSource
from airgap.site.model import Signatures
from airgap.transfer.pool import DEFAULT_WORKERS, run_each

__all__ = ["pin_references"]

_REASON = ("store add",)


def pin_references(
    texts: Sequence[str],
    *,
    registries: ArtifactSource,
    platforms: Sequence[str] = (),
    signatures: Signatures | None = None,
    progress: Progress | None = None,
    workers: int = DEFAULT_WORKERS,
) -> Lock:
    """Return a lock of these images and of nothing else; it is no site's.

    Args:
        texts: References with a tag or a digest.
        registries: Where they are asked for.
        platforms: Those to carry of an index that is named by its tag; none means all.
        signatures: Whether what is attached to them comes along, and what must be signed; by
            default it comes, and nothing must be.
        progress: Told of each image.
        workers: How many at a time.

    Raises:
        SiteError: A text is no reference.
        TransferError: Images that could not be resolved, or are not signed as they must be, each
            with its error.
    """
    references = {image_key(reference): reference for reference in map(parse_reference, texts)}
    tally = Tally(len(references), progress)
    attached = Collection(
        signatures or Signatures(),
        None,
        Upgrade(None, known=references),
        registries=registries,
        tally=tally,
        workers=workers,
    )
    selection = Selection(platforms, must_be_signed=attached.must_be_signed)

    def pin(key: str) -> ImagePin:
        want = _want(references[key])
        pinned = resolve_image(registries, want, platforms=selection.of(want))
        tally.add(key, "resolved")
        return pinned

    pins, failures = run_each(list(references), pin, workers=workers)
    found = attached.collect(pins)
    failures += attached.failures
    if failures:
        raise TransferError("store add", failures)
    return Lock(
        inputs=Inputs(talos=(), sidero="", platforms=selection.platforms),
        images=dict(sorted(found.items())),
    )


def _want(reference: Reference) -> ImageWant:
    return ImageWant(reference=reference, need="workloads", needed_by=_REASON)
