"""The site's private key: ECDSA on P-256, the kind that cosign makes, in PEM.

Signing is deterministic (RFC 6979): the same image and key give the same bytes, whoever signs.
cosign's own `cosign.key` is encrypted with NaCl's secretbox, which no library here has; its
`import-key-pair` takes the PEM of ours, the other way there is none.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from airgap.errors import SignatureError
from airgap.rules.signers import key_signer

__all__ = ["PrivateKey"]

_MAKE = "make one with: python -m airgap sign --make-key FILE"
_COSIGN = (b"ENCRYPTED SIGSTORE PRIVATE KEY", b"ENCRYPTED COSIGN PRIVATE KEY")


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key that signs images."""

    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls) -> PrivateKey:
        """Return a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, data: bytes, password: bytes | None = None) -> PrivateKey:
        """Read a key: PKCS #8 or SEC 1, encrypted or not.

        Raises:
            SignatureError: It is none, of another kind, or the password is not its.
        """
        if any(words in data for words in _COSIGN):
            raise SignatureError(
                "cosign's own encryption (NaCl secretbox) cannot be read here",
                hint=f"{_MAKE}; cosign takes that, too: cosign import-key-pair --key FILE",
            )
        try:
            key = load_pem_private_key(data, password)
        except TypeError:
            message = "it is not encrypted" if password else "it is encrypted"
            hint = "leave out --key-password-env" if password else "name --key-password-env"
            raise SignatureError(message, hint=hint) from None
        except (ValueError, UnsupportedAlgorithm):
            wrong = "no private key in PEM, or not one of this password"
            raise SignatureError(wrong, hint=_MAKE) from None
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
            return cls(key)
        raise SignatureError("no ECDSA key on P-256, which cosign signs with", hint=_MAKE)

    @property
    def public_pem(self) -> str:
        """The public half, as `cosign public-key` prints it."""
        form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return self._key.public_key().public_bytes(*form).decode()

    @property
    def signer(self) -> str:
        """Whom a signature by it is recorded as."""
        return key_signer(self.public_pem)

    def private_pem(self, password: bytes | None = None) -> bytes:
        """Return the key itself (PKCS #8), encrypted if there is a password."""
        encryption: KeySerializationEncryption = NoEncryption()
        if password:
            encryption = BestAvailableEncryption(password)
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)

    def sign(self, message: bytes) -> str:
        """Return the signature over a message, in base64.

        Raises:
            SignatureError: The OpenSSL here is older than 3.2.
        """
        try:
            algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
            return base64.b64encode(self._key.sign(message, algorithm)).decode()
        except UnsupportedAlgorithm as error:
            raise SignatureError(f"no deterministic signing here: {error}") from None
