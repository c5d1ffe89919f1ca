"""The site's own signatures in a lock: which of them stay, and of what they make whom a signer.

`sign` makes them; `lock` keeps them while their subject stays. By the key that the site's factory
trusts they are verified each time, from the lock alone; of another key the record is believed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from airgap.digest import Digest
from airgap.errors import Fault, IntegrityError, LockError, UpstreamError
from airgap.lock import ImagePin, Lock, image_key, is_read_by_factory, signature_reason
from airgap.oci.reference import Reference, parse_reference
from airgap.resolve.notes import Note
from airgap.resolve.sources import ImageSource
from airgap.resolve.upgrade import Upgrade
from airgap.signature.own import payload_of, signature_tag, subject_of
from airgap.site.model import Site
from airgap.transfer.pool import run_each

if TYPE_CHECKING:
    from airgap.signature.keys import PublicKey

__all__ = [
    "OwnSignatures",
    "check_own_signatures",
    "own_key",
    "subjects_of",
    "trusted_key",
    "unsigned",
]

_SIGN = "run: python -m airgap sign <site> --key FILE"


class OwnSignatures:
    """Those of the lock so far.

    Args:
        previous: Its images.
        trusted: The public key (PEM) that the factory verifies with; none when it does not.
        upgrade: Which pins move.
        registries: Where upstream is asked whether it signed anew; None asks nobody.
        workers: How many at a time.
    """

    def __init__(
        self,
        previous: Mapping[str, ImagePin],
        trusted: str | None,
        upgrade: Upgrade,
        *,
        registries: ImageSource | None,
        workers: int,
    ) -> None:
        self._previous = {key: pin for key, pin in previous.items() if pin.signature}
        self._trusted = _public_key(trusted) if trusted else None
        self._upgrade = upgrade
        self._registries = registries
        self._workers = workers
        self.notes: list[Note] = []

    @property
    def signer(self) -> str:
        """Whose signature the factory asks for; nobody's when it asks for none."""
        return self._trusted.signer if self._trusted else ""

    def of(self, key: str, pin: ImagePin) -> ImagePin | None:
        """Return the site's own signature of an image."""
        return self._previous.get(own_key(parse_reference(key), pin))

    def keep(self, images: Mapping[str, ImagePin]) -> dict[str, ImagePin]:
        """Return those whose subject is among the images; all others are forgotten."""
        subjects = subjects_of(images)
        held = [name for name in self._previous if name in subjects]
        stays, _ = run_each(
            held, lambda name: self._stays(name, subjects[name]), workers=self._workers
        )
        self._previous = {
            name: self._previous[name].model_copy(
                update={"needed_by": tuple(sorted(map(signature_reason, subjects[name])))}
            )
            for name, stay in stays.items()
            if stay
        }
        return dict(self._previous)

    def tell_unsigned(self, images: Mapping[str, ImagePin]) -> None:
        """Note what the factory reads and would not trust."""
        if missing := unsigned(images, self.signer):
            subject = "imageFactory.verification"
            self._note(subject, f"not signed by {self.signer}: {', '.join(missing)}; {_SIGN}")

    def _stays(self, name: str, subjects: Sequence[str]) -> bool:
        pin = self._previous[name]
        if self._trusted and self.signer in pin.signed_by and not _holds(self._trusted, name, pin):
            self._note(name, f"the lock's own signature does not hold, and is dropped; {_SIGN}")
            return False
        try:
            now = self._upstream(name)
        except (UpstreamError, IntegrityError) as error:
            self._note(name, f"kept; upstream could not be asked: {error.message}")
            return True
        if now in (None, pin.whole):
            return True
        if any(map(self._upgrade.moves, subjects)):
            return False
        self._note(
            name,
            f"upstream's signatures moved to {now}; the site's own stays, after those of "
            f"{pin.whole or 'nobody'}. To take them in: lock --upgrade {subjects[0]}, then fetch "
            "and sign",
        )
        return True

    def _upstream(self, name: str) -> str | None:
        """Return what upstream has under the same tag."""
        if self._registries is None:
            return None
        reference = parse_reference(name)
        reader, repository = self._registries.locate(reference.registry, reference.repository)
        found = reader.head_manifest(repository, str(reference.tag))
        return None if found is None else str(found.digest)

    def _note(self, subject: str, message: str) -> None:
        self.notes.append(Note(subject=subject, message=message))


def trusted_key(site: Site) -> str | None:
    """Return the public key (PEM) by which the site's factory trusts what it reads."""
    verification = site.image_factory.verification
    return verification.public_key if verification else None


def own_key(image: Reference, pin: ImagePin) -> str:
    """Return what the lock calls the signatures of an image."""
    tag = signature_tag(Digest.parse(pin.digest))
    return image_key(Reference(registry=image.registry, repository=image.repository, tag=tag))


def subjects_of(images: Mapping[str, ImagePin]) -> dict[str, list[str]]:
    """Return images by what the lock calls their signatures; two tags of one digest share them."""
    found: dict[str, list[str]] = {}
    for key, pin in images.items():
        if pin.need != "signatures":
            found.setdefault(own_key(parse_reference(key), pin), []).append(key)
    return found


def unsigned(images: Mapping[str, ImagePin], signer: str) -> tuple[str, ...]:
    """Return what a factory reads and a signer has not signed, by the record."""
    return tuple(
        key
        for key, pin in images.items()
        if signer and is_read_by_factory(key, pin) and signer not in pin.signed_by
    )


def check_own_signatures(site: Site, lock: Lock) -> None:
    """Verify the lock's own signatures by the key that the site's factory trusts; asks nobody.

    Raises:
        LockError: One does not hold; all of them at once.
        SignatureError: The site's key is none.
    """
    trusted = trusted_key(site)
    faults = list(_broken(_public_key(trusted), lock)) if trusted else []
    if faults:
        raise LockError("the lock's own signatures", faults, hint=_SIGN)


def _public_key(pem: str) -> PublicKey:
    from airgap.signature.keys import PublicKey  # cryptography is for those who verify

    return PublicKey(pem)


def _broken(trusted: PublicKey, lock: Lock) -> Iterator[Fault]:
    for name, pin in lock.images.items():
        if pin.signature and trusted.signer in pin.signed_by and not _holds(trusted, name, pin):
            message = "the signature is not of this image and key"
            yield Fault(path=f"images.{name}.signature", message=message)


def _holds(key: PublicKey, name: str, pin: ImagePin) -> bool:
    reference = parse_reference(name)
    try:
        payload = payload_of(reference.name, subject_of(reference))
        return key.verifies(base64.b64decode(pin.signature or "", validate=True), payload)
    except (IntegrityError, binascii.Error):
        return False
