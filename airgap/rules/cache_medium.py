"""`cache-medium`: machines that have images from an image cache alone have one.

Sidero boots a kernel and an initramfs, and no volume of those holds a cache; its agent wipes every
disk that can be written to before a machine is handed out. The cache is on a medium of its own: a
read-only CD, a write-protected stick, or the disk image that the fork boots.
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import Values, entries, part, text, texts

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "cache-medium"
SUMMARY = "Where machines pull from their own image cache alone, a medium holds one."
REASON = (
    "PXE brings no image cache: a machine that boots from the network and knows no registry finds "
    "neither its installer nor its kubelet, and retries for ever."
)
REMEDY = (
    "Use `registry.kind: existing` or `embedded`, or give machines a medium that Sidero's agent "
    "does not wipe (`imageCache.medium: cd`)."
)
_IMAGE_CACHE = "http://127.0.0.1:3172"


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each upstream whose images can be nowhere."""
    if kind != "Registry":
        return
    cache = part(values, "imageCache")
    medium = text(cache, "medium") or "none"
    lost = "there is no image cache medium" if medium == "none" else ""
    if medium == "usb" and not cache.get("writeProtected"):
        lost = "Sidero's agent wipes a stick that can be written to"
    for upstream, mirror in entries(values, "mirrors") if lost else ():
        if set(texts(mirror, "endpoints")) == {_IMAGE_CACHE}:
            yield Violation(
                subject=upstream,
                message=f"its images are pulled from the machine's own cache alone, and {lost}",
                remedy=REMEDY,
            )
