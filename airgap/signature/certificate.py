"""Fulcio's certificates: whose they are, and that they are for signing.

OIDs: https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md.
"""

from __future__ import annotations

from cryptography.hazmat import asn1
from cryptography.x509 import (
    Certificate,
    DuplicateExtension,
    ExtendedKeyUsage,
    ExtensionNotFound,
    KeyUsage,
    ObjectIdentifier,
    OtherName,
    RFC822Name,
    SubjectAlternativeName,
    UniformResourceIdentifier,
    UnrecognizedExtension,
    UnsupportedGeneralNameType,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from airgap.errors import SignatureError
from airgap.rules.signers import keyless_signer

__all__ = ["certificate_signer", "check_usage"]

_ISSUER = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")  # UTF8String
_ISSUER_V1 = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")  # the bare text
_USER_NAME = ObjectIdentifier("1.3.6.1.4.1.57264.1.7")


def certificate_signer(certificate: Certificate) -> str:
    """Return whose certificate it is, as a signer's text; what it says is not verified here.

    Raises:
        SignatureError: It names no issuer, or not exactly one identity.
    """
    try:
        return keyless_signer(_issuer(certificate), _identity(certificate))
    except (ValueError, DuplicateExtension, UnsupportedGeneralNameType) as error:
        raise SignatureError(f"the certificate cannot be read: {error}") from None


def check_usage(certificate: Certificate) -> None:
    """Check that a certificate is for signing code.

    Raises:
        SignatureError: It is for something else.
    """
    try:
        usage = certificate.extensions.get_extension_for_class(KeyUsage).value
        purposes = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except (ExtensionNotFound, ValueError, DuplicateExtension) as error:
        raise SignatureError(f"the certificate does not say what it is for: {error}") from None
    if not usage.digital_signature or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise SignatureError("the certificate is not for signing code")


def _issuer(certificate: Certificate) -> str:
    current, old = _extension(certificate, _ISSUER), _extension(certificate, _ISSUER_V1)
    named = {asn1.decode_der(str, current)} if current else set()
    named |= {old.decode()} if old else set()
    if len(named) != 1 or any(letter.isspace() for name in named for letter in name):
        found = " and ".join(sorted(named)) or "no issuer"
        raise SignatureError(f"the certificate names {found}, expected one issuer of its identity")
    return named.pop()


def _identity(certificate: Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        raise SignatureError("the certificate names no identity") from None
    found = [
        *names.get_values_for_type(RFC822Name),
        *names.get_values_for_type(UniformResourceIdentifier),
        *(
            asn1.decode_der(str, other.value)
            for other in names.get_values_for_type(OtherName)
            if other.type_id == _USER_NAME
        ),
    ]
    if len(found) != 1:
        listed = ", ".join(found) or "none"
        raise SignatureError(f"the certificate names {len(found)} identities, not one: {listed}")
    return str(found[0])


def _extension(certificate: Certificate, oid: ObjectIdentifier) -> bytes:
    try:
        value = certificate.extensions.get_extension_for_oid(oid).value
    except ExtensionNotFound:
        return b""
    return value.value if isinstance(value, UnrecognizedExtension) else b""
