"""The key that a factory signs what it makes with: its form, and where it lies.

It is made once and kept: with another one everything that was made is made again. Specification:
image-factory reads a PEM private key without a password (sigstore's `UnmarshalPEMToPrivateKey`).
"""

from __future__ import annotations

import re

from airgap.errors import Fault, SiteError

__all__ = ["SIGNING_KEY_FILE", "SIGNING_KEY_NAME", "check_signing_key"]

SIGNING_KEY_NAME = "cache-signing.key"
"""Its key in a Secret: the Helm chart's, so that a Secret made for it fits."""

SIGNING_KEY_FILE = f"keys/{SIGNING_KEY_NAME}"

_PEM = re.compile(
    r"-----BEGIN (EC |)PRIVATE KEY-----\r?\n[A-Za-z0-9+/=\s]+-----END \1PRIVATE KEY-----\s*\Z"
)


def check_signing_key(text: str) -> str:
    """Return the key; no part of it is in an error.

    Raises:
        SiteError: It is no PEM private key, or one with a password.
    """
    if _PEM.match(text):
        return text
    locked = "ENCRYPTED" in text
    fault = Fault(
        path="the factory's signing key",
        message="has a password" if locked else "no private key in PEM",
        hint="python -m airgap factory key makes one",
    )
    raise SiteError("factory", [fault])
