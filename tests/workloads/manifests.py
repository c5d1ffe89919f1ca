"""Manifests as charts and people write them, to look for images in."""

from __future__ import annotations

from airgap.workloads import Scan, scan

__all__ = ["DIGEST", "images_of", "scanned"]

DIGEST = "sha256:" + "a" * 64


def scanned(text: str, **options: object) -> Scan:
    """Scan a text that has to be without problems."""
    found = scan(text, file="web.yaml", **options)  # type: ignore[arg-type]  # keywords of scan
    assert found.problems == ()
    return found


def images_of(text: str) -> dict[str, tuple[str, ...]]:
    """Return the images of a text with the chain to each."""
    return scanned(text).images
