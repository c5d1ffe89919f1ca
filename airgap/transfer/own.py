"""The site's own signatures by their pins: made again from the lock, without the key.

No registry outside has them. What a lock holds of one, and upstream's manifest where it stands
before ours, give the same bytes anywhere; other bytes than the lock's digest says are refused.
"""

from __future__ import annotations

from collections.abc import Callable

from airgap.digest import Digest
from airgap.errors import IntegrityError, RegistryError
from airgap.lock.model import ImagePin
from airgap.oci.manifest import Manifest
from airgap.oci.reference import parse_reference
from airgap.signature.own import Layer, OwnSignature, compose, layers_of, subject_of

__all__ = ["rebuild", "rebuild_from"]

_SIGN = "run: python -m airgap sign <site> --key FILE"


def rebuild(key: str, pin: ImagePin, read: Callable[[Digest], Manifest]) -> OwnSignature:
    """Return a signature of the site's own.

    Args:
        key: What the lock calls it.
        pin: Its pin.
        read: Returns a manifest of upstream's.

    Raises:
        UpstreamError: Upstream's manifest cannot be had.
        IntegrityError: The lock's digest is of something else.
    """
    if pin.whole is None:
        return rebuild_from(key, pin, ())
    try:
        whole = read(Digest.parse(pin.whole))
    except RegistryError as error:
        if error.status == 404:
            image = pin.needed_by[0].removeprefix("signature of ")
            error.hint = f"upstream dropped it: `lock <site> --upgrade {image}`, then {_SIGN}"
        raise
    return rebuild_from(key, pin, layers_of(whole))


def rebuild_from(key: str, pin: ImagePin, before: tuple[Layer, ...]) -> OwnSignature:
    """Return a signature of the site's own, after these of upstream.

    Raises:
        IntegrityError: The lock's digest is of something else.
    """
    reference = parse_reference(key)
    subject = subject_of(reference)
    made = compose(reference.name, subject, pin.signature or "", before=before)
    if made.manifest.digest != Digest.parse(pin.digest):
        raise IntegrityError(
            f"{key}: the site's own signature makes {made.manifest.digest}, the lock has "
            f"{pin.digest}",
            hint=_SIGN,
        )
    return made
