"""Certificates: fingerprints for people, base64 for Talos' v1alpha1, and bundles."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable

from airgap.plan.model import PlainValues
from airgap.rules.certificates import read_certificates

__all__ = ["bundle", "certificates", "fingerprint", "to_base64", "to_pem"]

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\s*([A-Za-z0-9+/=\s]+?)\s*-----END CERTIFICATE-----"
)


def fingerprint(pem: str) -> str:
    """Return the SHA-256 fingerprints of the certificates in a PEM text, as openssl counts them.

    Several are parted by `, `, in their order.
    """
    ders = (base64.b64decode(body) for body in _CERTIFICATE.findall(pem))
    return ", ".join(f"sha256:{hashlib.sha256(der).hexdigest()}" for der in ders)


def to_base64(pem: str) -> str:
    """Return a PEM text as v1alpha1 `registries.config.*.tls.ca` has it: base64 of the text."""
    return base64.b64encode(pem.encode()).decode()


def to_pem(text: str) -> str:
    """Return a CA given as PEM, or as base64 of PEM (the plan document's `caCert`), as PEM."""
    return text if "-----BEGIN" in text else base64.b64decode(text).decode()


def bundle(pems: Iterable[str | None]) -> str:
    """Return the distinct certificates of several PEM texts, in order, as one."""
    found = (match[0] for pem in pems if pem for match in _CERTIFICATE.finditer(pem))
    return "".join(f"{certificate}\n" for certificate in dict.fromkeys(found))


def certificates(pems: Iterable[str | None]) -> PlainValues:
    """Return what a component shows of its CAs, by fingerprint; nothing where it has none."""
    found = read_certificates(bundle(pems))
    return {"certificates": found} if found else {}
