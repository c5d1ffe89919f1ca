"""Sigstore bundles (`application/vnd.dev.sigstore.bundle`, up to version 0.3).

With a certificate in it, sigstore-python verifies all of a bundle: authority, certificate log,
transparency log, time of signing. With only a key's name in it, the key is the site's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cryptography.x509 import Certificate, DuplicateExtension, ExtensionNotFound
from sigstore.errors import Error
from sigstore.models import Bundle

from airgap.digest import Digest
from airgap.errors import SignatureError
from airgap.signature.certificate import certificate_signer
from airgap.signature.keys import PublicKey
from airgap.signature.logged import decode
from airgap.signature.statement import check_statement, read_object, section
from airgap.signature.trust import TrustRoot

__all__ = ["BUNDLE_TYPE", "verify_bundle"]

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle"


class _Witness:
    """Takes down whose certificate it was; whether that suits is asked afterwards."""

    def __init__(self) -> None:
        self.signer = ""

    def verify(self, cert: Certificate) -> None:
        self.signer = certificate_signer(cert)


def verify_bundle(
    data: bytes,
    message: bytes,
    digest: Digest,
    *,
    keys: Iterable[PublicKey],
    trust: TrustRoot | None,
) -> str:
    """Return who signed a message, by a bundle.

    Args:
        data: The bundle, as JSON.
        message: What should be signed: a file, or the bytes of an image's manifest.
        digest: Its sha256.
        keys: Those known.
        trust: For keyless bundles.

    Raises:
        SignatureError: Nobody known did, or not this message.
    """
    document = read_object(data, "bundle")
    if not str(document.get("mediaType")).startswith(BUNDLE_TYPE):
        raise SignatureError(f"{document.get('mediaType')!r} is no Sigstore bundle")
    if "publicKey" in section(document, "verificationMaterial"):
        return _verify_by_key(document, message, digest, keys)
    if trust is None:
        raise SignatureError("it is keyless, and the site names no trust root")
    witness = _Witness()
    try:
        bundle = Bundle.from_json(data)
        if "dsseEnvelope" in document:
            check_statement(*trust.verifier.verify_dsse(bundle, witness), digest)
        else:
            trust.verifier.verify_artifact(message, bundle, witness)
    except (Error, ValueError, TypeError, ExtensionNotFound, DuplicateExtension) as error:
        raise SignatureError(f"the bundle does not hold: {error}") from None
    return witness.signer


def _verify_by_key(
    document: Mapping[str, object], message: bytes, digest: Digest, keys: Iterable[PublicKey]
) -> str:
    if "dsseEnvelope" not in document:
        signature = decode(section(document, "messageSignature").get("signature"))
        return _signer(keys, signature, message)
    envelope = section(document, "dsseEnvelope")
    kind, payload = str(envelope.get("payloadType")), decode(envelope.get("payload"))
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise SignatureError("expected one signature in the envelope")
    first = signatures[0] if isinstance(signatures[0], Mapping) else {}
    signer = _signer(keys, decode(first.get("sig")), _pre_authentication(kind, payload))
    check_statement(kind, payload, digest)
    return signer


def _signer(keys: Iterable[PublicKey], signature: bytes, message: bytes) -> str:
    for key in keys:
        if key.verifies(signature, message):
            return key.signer
    raise SignatureError("it is of no key that the site names")


def _pre_authentication(kind: str, payload: bytes) -> bytes:
    """Return what a DSSE signature is over (DSSE protocol v1: PAE)."""
    name = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)
