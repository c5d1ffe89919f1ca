"""`sign`: the site's own signatures of what its Image Factory reads, into the store and the lock.

Only digests are signed, so that the images need not be in the store; upstream's signatures of them
have to be, as they stay before ours. Nobody is asked, and signing again changes no byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airgap.digest import Digest
from airgap.errors import TransferError
from airgap.lock import ImagePin, Lock, factory_artifacts, signature_reason
from airgap.oci.reference import parse_reference
from airgap.progress import Progress, Tally
from airgap.resolve.own_signatures import subjects_of
from airgap.signature.own import Layer, OwnSignature, compose, layers_of, payload_of, subject_of
from airgap.store import Store
from airgap.transfer.pool import run_each

if TYPE_CHECKING:
    from airgap.signature.private import PrivateKey

__all__ = ["Signed", "sign_site"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The new lock, and its signatures by this key: made now, there before, upstream's own."""

    lock: Lock
    made: tuple[str, ...]
    kept: tuple[str, ...]
    upstream: tuple[str, ...]


def sign_site(
    lock: Lock, store: Store, key: PrivateKey, *, progress: Progress | None = None
) -> Signed:
    """Sign what the site's factory reads; what its upstream signed with this key has enough.

    Args:
        lock: Says what that is.
        store: Takes the signatures; has upstream's.
        key: The site's.
        progress: Told of each signature.

    Raises:
        TransferError: Some could not be made, each with its error; store and lock are as before.
    """
    subjects = subjects_of(factory_artifacts(lock))
    upstream = tuple(_signed_upstream(lock, subjects, key))
    names = [name for name in subjects if name not in upstream]
    made, failures = run_each(names, lambda name: _make(name, lock.images.get(name), store, key))
    if failures:
        raise TransferError("sign", failures)
    _keep(store, made)
    pins = dict(lock.images)
    tally = Tally(len(names), progress)
    for name in names:
        pins[name] = _pin(made[name], lock.images.get(name), subjects[name], key)
        pins |= _with_signer(lock, name, subjects[name], key)
        tally.add(name, "kept" if pins[name] == lock.images.get(name) else "resolved")
    kept = tuple(name for name in names if pins[name] == lock.images.get(name))
    return Signed(
        lock=lock.model_copy(update={"images": dict(sorted(pins.items()))}),
        made=tuple(name for name in names if name not in kept),
        kept=kept,
        upstream=upstream,
    )


def _signed_upstream(
    lock: Lock, subjects: Mapping[str, Sequence[str]], key: PrivateKey
) -> Iterator[str]:
    """Yield what needs no signature of ours: `lock` verified one of this key, made elsewhere."""
    for name, images in subjects.items():
        pin = lock.images.get(name)
        if pin is not None and pin.signature:
            continue
        if all(key.signer in lock.images[image].signed_by for image in images):
            yield name


def _make(name: str, before: ImagePin | None, store: Store, key: PrivateKey) -> OwnSignature:
    reference = parse_reference(name)
    subject = subject_of(reference)
    signature = key.sign(payload_of(reference.name, subject))
    return compose(reference.name, subject, signature, before=_layers(before, store))


def _layers(pin: ImagePin | None, store: Store) -> tuple[Layer, ...]:
    """Return upstream's signatures of a tag that the lock has.

    Raises:
        PublishError: They are not in the store.
    """
    if pin is None:
        return ()
    digest = Digest.parse(pin.digest)
    if not pin.signature:
        return layers_of(store.manifest(digest))
    if pin.whole is None:
        return ()
    if store.has(digest):
        return layers_of(store.manifest(digest))[:-1]
    return layers_of(store.manifest(Digest.parse(pin.whole)))


def _keep(store: Store, made: Mapping[str, OwnSignature]) -> None:
    for own in made.values():
        for digest, data in own.blobs.items():
            store.put(data, expected=digest)
        store.put(own.manifest.raw, expected=own.manifest.digest)
    store.name({name: own.manifest.descriptor for name, own in made.items()})


def _pin(
    own: OwnSignature, before: ImagePin | None, images: Sequence[str], key: PrivateKey
) -> ImagePin:
    reasons = {*(before.needed_by if before else ()), *map(signature_reason, images)}
    return ImagePin(
        digest=str(own.manifest.digest),
        media_type=own.manifest.media_type,
        size=own.size,
        whole=_upstream_digest(before),
        need="signatures",
        needed_by=tuple(sorted(reasons)),
        signed_by=(key.signer,),
        signature=own.signature,
    )


def _upstream_digest(before: ImagePin | None) -> str | None:
    if before is None:
        return None
    return before.whole if before.signature else before.digest


def _with_signer(
    lock: Lock, name: str, images: Sequence[str], key: PrivateKey
) -> dict[str, ImagePin]:
    """Return the images with the key as a signer, in place of an earlier key of the site."""
    before = lock.images.get(name)
    earlier = before.signed_by if before and before.signature else ()
    pins = {image: lock.images[image] for image in images}
    return {
        image: pin.model_copy(
            update={"signed_by": tuple(sorted({*pin.signed_by} - {*earlier} | {key.signer}))}
        )
        for image, pin in pins.items()
    }
