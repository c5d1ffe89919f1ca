"""Reads the public key that a deployed factory trusts what it reads by, and checks its form.

cosign's format: a SubjectPublicKeyInfo in PEM (RFC 7468), of an ECDSA key (RFC 5480), as `cosign
generate-key-pair` makes them and `python -m airgap sign` signs with.
"""

from __future__ import annotations

import base64
import binascii
import re

from airgap.site.model import Site, Verification
from airgap.site.named_files import NamedFiles

__all__ = ["VerificationReader"]

_MAX_BYTES = 1 << 16
_AT = ("imageFactory", "verification")
_PUBLIC = re.compile(r"-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*\Z")
_ID_EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")
"""1.2.840.10045.2.1, with its tag and length."""

_PEM = "expected PEM text with -----BEGIN PUBLIC KEY-----, as `cosign public-key` prints it"
_ECDSA = "signatures of the site are made with an ECDSA key, such as cosign generate-key-pair makes"


class VerificationReader(NamedFiles):
    """Fills `publicKey` from `publicKeyFile`, and collects what is wrong with it."""

    def fill(self, site: Site, sections: frozenset[str]) -> Site:
        """Return the site with the key filled, where that section is sound."""
        if "image_factory" not in sections or site.image_factory.verification is None:
            return site
        text = self._key(site.image_factory.verification)
        if text is None:
            return site
        verification = Verification(public_key=text)
        factory = site.image_factory.model_copy(update={"verification": verification})
        return site.model_copy(update={"image_factory": factory})

    def _key(self, wish: Verification) -> str | None:
        """Return the key's text; None where there is a fault."""
        if wish.public_key_file is not None and wish.public_key is not None:
            self._add("publicKeyFile", "given besides publicKey", "keep one of the two")
            return None
        if wish.public_key is not None:
            return self._checked(wish.public_key, "publicKey")
        if wish.public_key_file is None:
            self._add(None, "names no key", "publicKeyFile: certs/signer.pub")
            return None
        at = (*_AT, "publicKeyFile")
        text = self.text(wish.public_key_file, at, max_bytes=_MAX_BYTES, expected=_PEM)
        return None if text is None else self._checked(text, "publicKeyFile")

    def _checked(self, text: str, step: str) -> str | None:
        if "PRIVATE KEY" in text:
            hint = "give the public half, and keep the key on the connected side"
            self._add(step, "holds a private key", hint)
            return None
        data = _decoded(text)
        if data is None:
            self._add(step, "no public key in PEM", _PEM)
            return None
        if not _is_ecdsa(data):
            self._add(step, "no ECDSA key", _ECDSA)
            return None
        return text.strip() + "\n"

    def _add(self, step: str | None, message: str, hint: str) -> None:
        self.add(_AT if step is None else (*_AT, step), message, hint)


def _decoded(text: str) -> bytes | None:
    found = _PUBLIC.match(text.strip())
    if found is None:
        return None
    try:
        return base64.b64decode("".join(found[1].split()), validate=True)
    except binascii.Error:
        return None


def _is_ecdsa(data: bytes) -> bool:
    """Tell whether the key's algorithm is id-ecPublicKey: two sequences, then its identifier."""
    for _ in range(2):
        if len(data) < 2 or data[0] != 0x30:
            return False
        long_form = data[1] & 0x7F if data[1] & 0x80 else 0
        data = data[2 + long_form :]
    return data.startswith(_ID_EC_PUBLIC_KEY)
