"""Who signed, who must have, and whether that fits: plain values and texts.

A signer is one text, as locks and inputs hold it: `key sha256:<hex of the public key's DER>` or
`keyless <issuer> <identity>`. A requirement covers images by a pattern over `registry/repository`:
`*` stands for anything within a path component, `**` for anything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

__all__ = ["UNSIGNED", "Requirement", "key_signer", "keyless_signer", "matches", "unmet"]

UNSIGNED = "unsigned"
"""Of a release that publishes no signature that could be verified."""

_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Images by pattern, and who must have signed each: a key, or an identity of an issuer.

    Attributes:
        images: The pattern.
        key: The key as a signer's text; empty for an identity.
        issuer: The identity's issuer.
        identity: The identity itself; empty when `pattern` says which.
        pattern: A regular expression that is searched for in the identity, as cosign's
            `--certificate-identity-regexp`: anchor it.
    """

    images: str
    key: str = ""
    issuer: str = ""
    identity: str = ""
    pattern: str = ""

    def covers(self, name: str) -> bool:
        """Tell whether `registry/repository` must be signed."""
        return matches(self.images, name)

    def accepts(self, signer: str) -> bool:
        """Tell whether this is the signer, by its text."""
        if self.key:
            return signer == self.key
        kind, _, rest = signer.partition(" ")
        issuer, _, identity = rest.partition(" ")
        if kind != "keyless" or not identity or issuer != self.issuer:
            return False
        if self.identity:
            return identity == self.identity
        return bool(self.pattern) and re.search(self.pattern, identity) is not None

    def __str__(self) -> str:
        """Return whom it expects, for people."""
        if self.key:
            return self.key
        whom = self.identity or f"an identity that matches {self.pattern}"
        return f"keyless {self.issuer} {whom}"


def unmet(
    requirements: Iterable[Requirement], name: str, signers: Iterable[str]
) -> tuple[Requirement, ...]:
    """Return the requirements that cover an image and that none of its signers fulfils.

    Every requirement that covers an image counts.
    """
    known = tuple(signers)
    return tuple(
        item for item in requirements if item.covers(name) and not any(map(item.accepts, known))
    )


def matches(pattern: str, name: str) -> bool:
    """Tell whether a pattern covers `registry/repository`."""
    return _expression(pattern).fullmatch(name) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    words = {"**": ".*", "*": "[^/]*"}
    parts = re.split(r"(\*\*|\*)", pattern)
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts))


def key_signer(pem: str) -> str:
    """Return the signer's text of a public key.

    Raises:
        ValueError: The text is no public key in PEM (`PUBLIC KEY`, RFC 7468).
    """
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("no public key in PEM")
    try:
        data = base64.b64decode("".join(found[1].split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"no public key in PEM: {error}") from None
    return f"key sha256:{hashlib.sha256(data).hexdigest()}"


def keyless_signer(issuer: str, identity: str) -> str:
    """Return the signer's text of an identity."""
    return f"keyless {issuer} {identity}"
