"""The key a factory signs with, in the forms it reads (sigstore's `UnmarshalPEMToPrivateKey`)."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from airgap.deployment import check_signing_key
from airgap.errors import SiteError

KEY = ec.generate_private_key(ec.SECP256R1())


def pem(form: PrivateFormat, encryption: KeySerializationEncryption) -> str:
    """Return the key's text."""
    return KEY.private_bytes(Encoding.PEM, form, encryption).decode()


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_both_forms_of_openssl_are_taken_as_they_are(form: PrivateFormat) -> None:
    text = pem(form, NoEncryption())
    assert check_signing_key(text) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no private key in PEM"),
        ("not a key MARKED", "no private key in PEM"),
        (pem(PrivateFormat.PKCS8, BestAvailableEncryption(b"x")), "has a password"),
        (pem(PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x")), "has a password"),
        (
            KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
            "no private key in PEM",
        ),
    ],
)
def test_anything_else_is_refused_and_no_part_of_it_is_shown(text: str, words: str) -> None:
    with pytest.raises(SiteError) as refused:
        check_signing_key(text)
    told = refused.value.diagnostics()
    assert words in told
    assert "python -m airgap factory key" in told
    assert not [line for line in text.splitlines() if line and line in told]
