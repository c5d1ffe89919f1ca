"""Which locked images the site's Image Factory reads, and what is attached to them.

Told by the lock's own words of why an image is needed. The factory's own image is not among them
(it runs, it is not read), nor is an installer that a factory made.
"""

from __future__ import annotations

from airgap.lock.model import ImagePin, Lock
from airgap.talos.factory import FACTORY_HOST

__all__ = ["factory_artifacts", "factory_signatures", "is_read_by_factory", "signature_reason"]

_READ = ("image factory for ", "whole catalogue of ", "server class ")


def factory_artifacts(lock: Lock) -> dict[str, ImagePin]:
    """Return what a factory inside reads, by key: imager, installer base, catalogues, what they
    list, talosctl; nothing where the site has no factory.
    """
    if lock.inputs.image_factory.partition(" ")[0] == "none":
        return {}
    return {key: pin for key, pin in lock.images.items() if is_read_by_factory(key, pin)}


def factory_signatures(lock: Lock) -> dict[str, ImagePin]:
    """Return what is attached to those, by key: upstream's signatures and the site's own."""
    reasons = {signature_reason(key) for key in factory_artifacts(lock)}
    return {
        key: pin
        for key, pin in lock.images.items()
        if pin.need == "signatures" and reasons.intersection(pin.needed_by)
    }


def is_read_by_factory(key: str, pin: ImagePin) -> bool:
    """Tell whether a factory, where there is one, reads a locked image."""
    if pin.need == "signatures" or key.startswith(f"{FACTORY_HOST}/"):
        return False
    return any(reason.startswith(_READ) for reason in pin.needed_by)


def signature_reason(key: str) -> str:
    """Return the word in `neededBy` of what is attached to an image."""
    return f"signature of {key}"
