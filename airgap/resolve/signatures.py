"""Collects what is attached to the locked images, and verifies what the site requires of them.

What is attached becomes an image of need `signatures` (docs/adr/0006): fetch, push, verify and
prune carry it like any other. An image that is kept keeps what was attached to it; where nothing
was, upstream is asked again, since a signature may come later than its image. The site's own
signatures (`own_signatures`) come before upstream's of the same tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from threading import Lock as Mutex
from typing import TYPE_CHECKING

from airgap.digest import Digest
from airgap.errors import IntegrityError, SignatureError, UpstreamError
from airgap.lock import ImagePin, Lock, Need, image_key, is_read_by_factory, signature_reason
from airgap.oci.reference import Reference, parse_reference
from airgap.progress import Tally
from airgap.resolve.images import resolve_image
from airgap.resolve.notes import Note
from airgap.resolve.own_signatures import OwnSignatures, own_key
from airgap.resolve.upgrade import Upgrade
from airgap.resolve.wants import ImageWant
from airgap.rules.signers import Requirement, unmet
from airgap.signature import ArtifactSource, Attached, Discovery
from airgap.site.model import Signatures
from airgap.transfer.pool import Failures, run_each

if TYPE_CHECKING:
    from airgap.signature.verification import Known, Verdict

__all__ = ["Collection"]

_NEED: Need = "signatures"


class Collection:
    """The signatures of one run of `lock`; failures and notes are collected.

    Args:
        section: What the site says of signatures.
        trusted: The public key (PEM) that the site's factory verifies what it reads with.
        previous: The lock so far.
        upgrade: Which of its pins move.
        registries: Where images are asked for.
        tally: Told of each item.
        workers: How many images at a time.
    """

    def __init__(
        self,
        section: Signatures,
        previous: Lock | None,
        upgrade: Upgrade,
        *,
        registries: ArtifactSource,
        tally: Tally,
        workers: int,
        trusted: str | None = None,
    ) -> None:
        self._section = section
        self._rules = section.rules()
        self._previous = previous.images if previous else {}
        self._upgrade = upgrade
        self._registries = registries
        self._tally = tally
        self._workers = workers
        self._discovery = Discovery(registries)
        self._mutex = Mutex()
        self._trusted = trusted if section.collect else None
        self._own = OwnSignatures(
            self._previous,
            trusted,
            upgrade,
            registries=registries if section.collect else None,
            workers=workers,
        )
        self.failures: Failures = []
        self.notes: list[Note] = []

    def must_be_signed(self, image: Reference) -> bool:
        """Tell whether the site requires a signature of an image."""
        return any(rule.covers(image.name) for rule in self._rules)

    def collect(self, images: Mapping[str, ImagePin]) -> dict[str, ImagePin]:
        """Return the images with their verified signers, and with what is attached to them."""
        own = self._own.keep(images)
        outcomes, failures = run_each(
            list(images), lambda key: self._image(key, images[key]), workers=self._workers
        )
        self.failures += failures
        pins = dict(images)
        for key, (signers, attached) in outcomes.items():
            pins[key] = images[key].model_copy(update={"signed_by": signers})
            for name, pin in attached.items() if self._section.collect else ():
                pins[name] = _merged(pins.get(name), pin)
        pins |= own
        self._own.tell_unsigned(pins)
        self.notes += self._own.notes
        self._tell(pins)
        return pins

    def _tell(self, pins: Mapping[str, ImagePin]) -> None:
        attached = [key for key, pin in pins.items() if pin.need == _NEED]
        self._tally.expect(len(attached))
        for key in attached:
            self._tally.add(key, "kept" if key in self._previous else "resolved")

    def _image(self, key: str, pin: ImagePin) -> tuple[tuple[str, ...], dict[str, ImagePin]]:
        """Return an image's verified signers, and the pins of what is attached to it."""
        own = self._own.of(key, pin)
        by_us = own.signed_by if own else ()
        if not self._section.collect and not self._rules:
            return by_us, {}
        upstream, attached = self._upstream(key, pin, own)
        return tuple(sorted({*by_us, *upstream})), attached

    def _upstream(
        self, key: str, pin: ImagePin, own: ImagePin | None
    ) -> tuple[tuple[str, ...], dict[str, ImagePin]]:
        """Return who of others signed an image, and what is attached to it upstream."""
        image = parse_reference(key)
        kept = self._kept(key, pin)
        recorded = self._recorded(key) if kept is not None else ()
        wanted = bool(unmet(self._rules, image.name, recorded))
        asked = wanted or self._would_not_trust(key, pin, recorded, own)
        known = kept or (kept is not None and own is not None and own.whole is not None)
        if known and not asked:
            return (recorded if self._is_asked_of(key, pin) else ()), kept or {}
        try:
            attached = self._attached(image, pin)
        except (UpstreamError, IntegrityError) as error:
            if kept is None or wanted:
                raise
            self._note(key, f"kept; upstream could not be asked for signatures: {error.message}")
            return recorded, kept
        signers = self._verified(image, pin, attached) if self._is_asked_of(key, pin) else ()
        return signers, self._pins(key, attached)

    def _recorded(self, key: str) -> tuple[str, ...]:
        """Return who of others signed a kept image, as the lock has it."""
        before = self._previous[key]
        own = self._previous.get(own_key(parse_reference(key), before))
        ours = own.signed_by if own and own.signature else ()
        return tuple(signer for signer in before.signed_by if signer not in ours)

    def _is_asked_of(self, key: str, pin: ImagePin) -> bool:
        """Tell whether anybody wants to know who signed an image."""
        return self._is_verified_inside(key, pin) or self.must_be_signed(parse_reference(key))

    def _is_verified_inside(self, key: str, pin: ImagePin) -> bool:
        return self._trusted is not None and is_read_by_factory(key, pin)

    def _would_not_trust(
        self, key: str, pin: ImagePin, recorded: tuple[str, ...], own: ImagePin | None
    ) -> bool:
        """Tell whether the factory reads an image and would not trust it, by the record."""
        signers = (*recorded, *(own.signed_by if own else ()))
        return self._own.signer not in signers and self._is_verified_inside(key, pin)

    def _kept(self, key: str, pin: ImagePin) -> dict[str, ImagePin] | None:
        """Return the earlier pins of what is attached to a kept image; None when it is none."""
        before = self._previous.get(key)
        if before is None or before.digest != pin.digest or self._upgrade.moves(key):
            return None
        reason = signature_reason(key)
        return {
            name: item.model_copy(update={"needed_by": (reason,)})
            for name, item in self._previous.items()
            if item.need == _NEED and reason in item.needed_by and item.signature is None
        }

    def _attached(self, image: Reference, pin: ImagePin) -> tuple[Attached, ...]:
        """Look at the index and each child; of an index that was cut down, at what is carried."""
        reader, repository = self._registries.locate(image.registry, image.repository)
        whole = reader.manifest(repository, pin.upstream_digest)
        children = [child.digest for child in whole.children]
        if pin.whole is not None:
            carried = {item.digest for item in pin.platforms.values()}
            children = [digest for digest in children if str(digest) in carried]
            return self._discovery.find(image, children)
        return self._discovery.find(image, [whole.digest, *children])

    def _pins(self, key: str, attached: tuple[Attached, ...]) -> dict[str, ImagePin]:
        if not self._section.collect:
            return {}
        return {
            image_key(item.reference): resolve_image(
                self._registries,
                ImageWant(
                    reference=replace(item.reference, digest=item.digest),
                    need=_NEED,
                    needed_by=(signature_reason(key),),
                ),
            )
            for item in attached
        }

    def _verified(
        self, image: Reference, pin: ImagePin, attached: tuple[Attached, ...]
    ) -> tuple[str, ...]:
        """Return who signed an image that must be signed.

        Raises:
            SignatureError: Not by whom the site requires.
        """
        verdict = self._verdict(image, pin, attached)
        missing = unmet(self._rules, image.name, verdict.signers)
        if missing:
            raise _unsigned(missing, verdict)
        return verdict.signers

    def _verdict(self, image: Reference, pin: ImagePin, attached: tuple[Attached, ...]) -> Verdict:
        from airgap.signature.verification import verify_image

        reader, repository = self._registries.locate(image.registry, image.repository)
        digest = Digest.parse(pin.digest)
        with self._mutex:  # the libraries are imported, and the keys read, once
            known = self._known
        return verify_image(reader, repository, digest, attached, known)

    @cached_property
    def _known(self) -> Known:
        from airgap.signature.verification import Known

        root = self._section.trust_root
        keys = [*self._section.keys(), *([self._trusted] if self._trusted else [])]
        return Known.from_texts(keys, root.content if root else None)

    def _note(self, subject: str, message: str) -> None:
        self.notes.append(Note(subject=subject, message=message))


def _merged(before: ImagePin | None, pin: ImagePin) -> ImagePin:
    if before is None:
        return pin
    reasons = tuple(sorted({*before.needed_by, *pin.needed_by}))
    return before.model_copy(update={"needed_by": reasons})


def _unsigned(missing: tuple[Requirement, ...], verdict: Verdict) -> SignatureError:
    expected = " and ".join(str(rule) for rule in missing)
    return SignatureError(
        f"{verdict}; the site requires a signature by {expected}",
        hint="if that is the right image, correct signatures.require in the site",
    )
