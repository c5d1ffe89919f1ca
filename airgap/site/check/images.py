"""What workloads need: complete references and manifests, each once; paths that can be read."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from airgap.errors import Fault, SiteError
from airgap.oci.reference import parse_reference
from airgap.site.check.subject import Known, checks, fault, repeated
from airgap.site.model import Site
from airgap.site.path import dotted, shown
from airgap.workloads import parse_path

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


def _check_manifests(site: Site, _: Known) -> Iterator[Fault]:
    paths = [posixpath.normpath(item.path) for item in site.manifests]
    for index, first in repeated(paths):
        message = f"{shown(paths[index])} is item {first} already"
        yield fault(("manifests", index, "path"), message, "remove one")


def _check_image_paths(site: Site, _: Known) -> Iterator[Fault]:
    for index, item in enumerate(site.image_paths):
        for number, text in enumerate(item.paths):
            try:
                parse_path(text)
            except ValueError:
                at = ("imagePaths", index, "paths", number)
                hint = "expected keys with dots, [] for each item: spec.pools[].image"
                yield fault(at, f"{shown(text)} is no path", hint)


CHECKS = checks(
    (_check_images, "images"),
    (_check_manifests, "manifests"),
    (_check_image_paths, "image_paths"),
)
