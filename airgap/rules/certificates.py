"""What rules and reviewers want to know of a CA certificate, read from its PEM.

The only module of the rules that parses one. The library is loaded when there is a certificate:
it takes longer than all else that `check` imports.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING

from airgap.rules.values import Values

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["read_certificates"]

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s*([A-Za-z0-9+/=\s]+?)-----END CERTIFICATE-----")


def read_certificates(pem: str) -> dict[str, Values]:
    """Return each certificate of a PEM text by its fingerprint, in order.

    Each has `subject` (RFC 4514), `notBefore` and `notAfter` (the first and the last day, ISO
    8601), `key` (`EC 256`, `RSA 4096`, `Ed25519`) and `signature` (the hash: `sha256`). One that
    may sign no other has `signsCertificates` false, `selfSigned`, and the `names` it is for. One
    that cannot be read has `subject` empty and nothing else.
    """
    ders = (base64.b64decode("".join(body.split())) for body in _PEM.findall(pem))
    return {f"sha256:{hashlib.sha256(der).hexdigest()}": _read(der) for der in ders}


@cache
def _read(der: bytes) -> Values:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import DuplicateExtension, load_der_x509_certificate

    try:
        return _describe(load_der_x509_certificate(der))
    except (ValueError, UnsupportedAlgorithm, DuplicateExtension):
        return {"subject": ""}


def _describe(certificate: Certificate) -> Values:
    found = certificate.signature_hash_algorithm
    return {
        "subject": certificate.subject.rfc4514_string(),
        "notBefore": certificate.not_valid_before_utc.date().isoformat(),
        "notAfter": certificate.not_valid_after_utc.date().isoformat(),
        "key": _key(certificate),
        "signature": found.name if found else "none",
        **({} if _signs(certificate) else _as_servers(certificate)),
    }


def _signs(certificate: Certificate) -> bool:
    """Tell whether clients take it as the issuer of another, as Go's CheckSignatureFrom does.

    RFC 5280, 4.2.1.3 and 4.2.1.9; a certificate of version 1 has no way to say so, and is taken.
    """
    from cryptography.x509 import (
        BasicConstraints,
        ExtensionNotFound,
        KeyUsage,
        UnsupportedGeneralNameType,
        Version,
    )

    try:
        extensions = certificate.extensions
    except UnsupportedGeneralNameType:  # an X.400 address: it says nothing of this
        return True
    try:
        if not extensions.get_extension_for_class(KeyUsage).value.key_cert_sign:
            return False
    except ExtensionNotFound:
        pass
    try:
        return extensions.get_extension_for_class(BasicConstraints).value.ca
    except ExtensionNotFound:
        return certificate.version is Version.v1


def _as_servers(certificate: Certificate) -> Values:
    """Return what a client would take it for: the certificate of a server that shows it."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.x509 import DNSName, ExtensionNotFound, IPAddress, SubjectAlternativeName

    try:
        certificate.verify_directly_issued_by(certificate)
        is_self_signed = True
    except (InvalidSignature, TypeError, UnsupportedAlgorithm, ValueError):
        is_self_signed = False
    names: list[str] = []
    try:
        found = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
        names += found.get_values_for_type(DNSName)
        names += [str(address) for address in found.get_values_for_type(IPAddress)]
    except ExtensionNotFound:
        pass
    return {"signsCertificates": False, "selfSigned": is_self_signed, "names": sorted(names)}


def _key(certificate: Certificate) -> str:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.key_size}"
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}"
    return type(key).__name__.removeprefix("_").removesuffix("PublicKey")
