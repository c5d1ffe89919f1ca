"""The site's private key: which forms are read, what is refused, and how it signs."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from airgap.errors import SignatureError
from airgap.signature.keys import PublicKey
from airgap.signature.private import PrivateKey

__all__: list[str] = []

PASSWORD = b"a site's own"
X = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
"""RFC 6979 appendix A.2.5: the private key on P-256."""


def pem(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    password: bytes | None = None,
) -> bytes:
    """Return a key as a file holds it."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("password", [None, PASSWORD], ids=["plain", "encrypted"])
def test_pkcs8_and_sec1_are_read_with_and_without_a_password(
    form: PrivateFormat, password: bytes | None
) -> None:
    key = ec.derive_private_key(X, ec.SECP256R1())
    read = PrivateKey.from_pem(pem(key, form, password), password)
    assert PublicKey(read.public_pem).verifies(base64.b64decode(read.sign(b"words")), b"words")


def test_signing_is_deterministic_as_rfc_6979_has_it() -> None:
    """Appendix A.2.5, with SHA-256, of the message `sample`."""
    key = PrivateKey.from_pem(pem(ec.derive_private_key(X, ec.SECP256R1())))
    assert decode_dss_signature(base64.b64decode(key.sign(b"sample"))) == (
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    )


def test_a_made_key_is_read_again() -> None:
    made = PrivateKey.make()
    for password in (None, PASSWORD):
        again = PrivateKey.from_pem(made.private_pem(password), password)
        assert again.signer == made.signer == PublicKey(made.public_pem).signer
    assert b"ENCRYPTED" in made.private_pem(PASSWORD)


REFUSED = {
    "another curve": (pem(ec.generate_private_key(ec.SECP384R1())), None, "on P-256"),
    "Ed25519": (pem(ed25519.Ed25519PrivateKey.generate()), None, "on P-256"),
    "no PEM": (b"-----BEGIN PRIVATE KEY-----\n", None, "no private key"),
    "a public key": (PrivateKey.make().public_pem.encode(), None, "no private key"),
    "no password": (PrivateKey.make().private_pem(PASSWORD), None, "it is encrypted"),
    "wrong password": (PrivateKey.make().private_pem(PASSWORD), b"other", "of this password"),
    "needless password": (PrivateKey.make().private_pem(), PASSWORD, "it is not encrypted"),
    "cosign's own": (
        b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n",
        PASSWORD,
        "cosign's own encryption",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_key_that_cannot_be_used_is_refused_with_what_would_do(why: str) -> None:
    data, password, message = REFUSED[why]
    with pytest.raises(SignatureError, match=message) as caught:
        PrivateKey.from_pem(data, password)
    password_is_wrong = why.endswith("password") and why != "wrong password"
    assert ("--key-password-env" if password_is_wrong else "--make-key") in caught.value.hint
