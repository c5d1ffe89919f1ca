"""Public keys as cosign writes them: ECDSA, RSA and Ed25519, each with cosign's own digest.

cosign hashes with SHA-256 whatever the curve or size, except where its signing algorithm says
otherwise (P-384 with SHA-384, P-521 with SHA-512); RSA is PKCS #1 v1.5; Ed25519 signs the message.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from airgap.errors import SignatureError
from airgap.rules.signers import key_signer

__all__ = ["Key", "PublicKey", "is_signed"]

Key = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

_MIN_RSA_BITS = 2048
_CURVES: dict[str, tuple[hashes.HashAlgorithm, ...]] = {
    "secp256r1": (hashes.SHA256(),),
    "secp384r1": (hashes.SHA384(), hashes.SHA256()),
    "secp521r1": (hashes.SHA512(), hashes.SHA256()),
}


class PublicKey:
    """A public key, and the signer it stands for.

    Raises:
        SignatureError: The text is no public key, or one of a kind that nothing is signed with.
    """

    def __init__(self, pem: str) -> None:
        try:
            key = load_pem_public_key(pem.encode())
            self.signer = key_signer(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise SignatureError(f"no public key: {error}") from None
        self._key = _supported(key)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Tell whether the key's owner signed a message."""
        return is_signed(self._key, signature, message)


def is_signed(key: object, signature: bytes, message: bytes) -> bool:
    """Tell whether a signature over a message is of a key.

    Raises:
        SignatureError: The key is of a kind that nothing is signed with.
    """
    supported = _supported(key)
    if isinstance(supported, ec.EllipticCurvePublicKey):
        verify, digests = supported.verify, _CURVES[supported.curve.name]
        algorithms = [ec.ECDSA(digest) for digest in digests]
        return any(_holds(partial(verify, signature, message, each)) for each in algorithms)
    if isinstance(supported, rsa.RSAPublicKey):
        v15, sha256 = padding.PKCS1v15(), hashes.SHA256()
        return _holds(partial(supported.verify, signature, message, v15, sha256))
    return _holds(partial(supported.verify, signature, message))


def _supported(key: object) -> Key:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA_BITS:
        return key
    raise SignatureError(
        "a key of this kind is not understood: ECDSA (P-256, P-384, P-521), RSA from "
        f"{_MIN_RSA_BITS} bits, or Ed25519"
    )


def _holds(check: Callable[[], None]) -> bool:
    try:
        check()
    except InvalidSignature:
        return False
    return True
