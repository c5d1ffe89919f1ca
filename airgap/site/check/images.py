"""Images that workloads need: complete references, each once."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault, SiteError
from airgap.oci.reference import parse_reference
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Site
from airgap.site.path import dotted, shown

__all__ = ["CHECKS"]


def _check_images(site: Site, _: Known) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, text in enumerate(site.images):
        try:
            reference = str(parse_reference(text, path=dotted(("images", index))))
        except SiteError as error:
            yield from _unless_shown(error, text, index)
            continue
        if first.setdefault(reference, index) != index:
            yield fault(
                ("images", index), f"{reference} is item {first[reference]} already", "remove one"
            )


def _unless_shown(error: SiteError, text: str, index: int) -> Iterator[Fault]:
    """Give the faults of a text, without it when it may hold user information."""
    if shown(text) == repr(text):
        yield from error.faults
    else:
        hint = "expected registry/repository:tag"
        yield fault(("images", index), f"{shown(text)} is not an image reference", hint)


CHECKS = checks((_check_images, "images"))
