"""The practice upstream's signing key: its images are signed with it, as cosign does with a key.

The key is no secret: it is derived from a number, and signing is deterministic (RFC 6979), so that
an image is the same each time it is made.
"""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["PUBLIC_KEY", "sign"]

_KEY = ec.derive_private_key(0x5EED, ec.SECP256R1())

PUBLIC_KEY = (
    _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
)
"""What the signatures are verified with (PEM)."""


def sign(payload: bytes) -> str:
    """Return the signature of a payload, in base64."""
    algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    return base64.b64encode(_KEY.sign(payload, algorithm)).decode()
