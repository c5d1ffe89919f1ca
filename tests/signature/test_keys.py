"""Signatures by public key: each kind cosign writes, and what does not count."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from airgap.errors import SignatureError
from airgap.signature.keys import PublicKey
from tests.signature.artifacts import payload_of, push_signature
from tests.signature.conftest import REPOSITORY, Bench

__all__: list[str] = []

SIGNATURE = "dev.cosignproject.cosign/signature"
Sign = Callable[[bytes], bytes]


def pem_of(key: PrivateKeyTypes) -> str:
    """Return a key's public half."""
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def elliptic(curve: ec.EllipticCurve, digest: hashes.HashAlgorithm) -> tuple[str, Sign]:
    """Return a new key of a curve, and what signs with it."""
    key = ec.generate_private_key(curve)
    return pem_of(key), lambda data: key.sign(data, ec.ECDSA(digest))


def by_rsa() -> tuple[str, Sign]:
    """Return a new RSA key, and what signs with it as cosign does."""
    key = rsa.generate_private_key(65537, 2048)
    return pem_of(key), lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def by_ed25519() -> tuple[str, Sign]:
    """Return a new Ed25519 key, and what signs with it."""
    key = ed25519.Ed25519PrivateKey.generate()
    return pem_of(key), key.sign


KINDS: dict[str, Callable[[], tuple[str, Sign]]] = {
    "ECDSA P-256": lambda: elliptic(ec.SECP256R1(), hashes.SHA256()),
    "ECDSA P-384": lambda: elliptic(ec.SECP384R1(), hashes.SHA384()),
    "ECDSA P-384 with SHA-256": lambda: elliptic(ec.SECP384R1(), hashes.SHA256()),
    "ECDSA P-521": lambda: elliptic(ec.SECP521R1(), hashes.SHA512()),
    "RSA": by_rsa,
    "Ed25519": by_ed25519,
}


def notes(sign: Sign, payload: bytes) -> dict[str, str]:
    """Return the annotations of a signature."""
    return {SIGNATURE: base64.b64encode(sign(payload)).decode()}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_key_is_verified(bench: Bench, kind: str) -> None:
    pem, sign = KINDS[kind]()
    payload = bench.payload()
    push_signature(bench.pusher, REPOSITORY, bench.digest, (payload, notes(sign, payload)))
    assert bench.verdict(bench.known(pem)).signers == (PublicKey(pem).signer,)


def test_another_key_does_not_count(bench: Bench) -> None:
    (_, sign), (other, _) = KINDS["ECDSA P-256"](), KINDS["ECDSA P-256"]()
    payload = bench.payload()
    push_signature(bench.pusher, REPOSITORY, bench.digest, (payload, notes(sign, payload)))
    verdict = bench.verdict(bench.known(other))
    assert verdict.signers == ()
    assert "of no key that the site names" in str(verdict)


def test_a_signature_over_other_bytes_does_not_count(bench: Bench) -> None:
    pem, sign = KINDS["ECDSA P-256"]()
    payload = bench.payload()
    push_signature(bench.pusher, REPOSITORY, bench.digest, (payload, notes(sign, payload + b" ")))
    assert bench.verdict(bench.known(pem)).signers == ()


@pytest.mark.parametrize(
    ("about", "kind"),
    [(f"sha256:{'1' * 64}", "cosign container image signature"), ("", "something else")],
)
def test_a_payload_about_something_else_does_not_count(bench: Bench, about: str, kind: str) -> None:
    pem, sign = KINDS["ECDSA P-256"]()
    payload = payload_of(about or bench.digest, kind=kind)
    push_signature(bench.pusher, REPOSITORY, bench.digest, (payload, notes(sign, payload)))
    assert bench.verdict(bench.known(pem)).signers == ()


def test_two_signers_are_both_told(bench: Bench) -> None:
    (first, sign), (second, countersign) = KINDS["ECDSA P-256"](), KINDS["RSA"]()
    payload = bench.payload()
    layers = [(payload, notes(each, payload)) for each in (sign, countersign)]
    push_signature(bench.pusher, REPOSITORY, bench.digest, *layers)
    both = {PublicKey(first).signer, PublicKey(second).signer}
    assert set(bench.verdict(bench.known(first, second)).signers) == both


def test_a_signature_of_garbage_does_not_count(bench: Bench) -> None:
    pem, _ = KINDS["ECDSA P-256"]()
    annotations: list[dict[str, str]] = [{}, {SIGNATURE: "!"}, {SIGNATURE: "AAAA"}]
    layers = [(bench.payload(), each) for each in annotations]
    push_signature(bench.pusher, REPOSITORY, bench.digest, *layers)
    assert bench.verdict(bench.known(pem)).signers == ()


def test_a_signature_that_is_too_large_is_not_read(bench: Bench) -> None:
    pem, sign = KINDS["ECDSA P-256"]()
    payload = bench.payload() + b" " * (1 << 20)
    push_signature(bench.pusher, REPOSITORY, bench.digest, (payload, notes(sign, payload)))
    verdict = bench.verdict(bench.known(pem))
    assert verdict.signers == ()
    assert "bytes, more than" in str(verdict)


def test_what_is_attested_or_a_bill_of_materials_is_no_signature(bench: Bench) -> None:
    pem, sign = KINDS["ECDSA P-256"]()
    payload = bench.payload()
    for suffix in (".att", ".sbom"):
        layer = (payload, notes(sign, payload))
        push_signature(bench.pusher, REPOSITORY, bench.digest, layer, suffix=suffix)
    assert bench.verdict(bench.known(pem)).signers == ()


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        pem_of(ec.generate_private_key(ec.SECP256K1())),
        pem_of(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - to be refused
        pem_of(dsa.generate_private_key(2048)),
    ],
    ids=["nothing", "garbage", "secp256k1", "short RSA", "DSA"],
)
def test_what_is_no_key_to_sign_with_is_refused(pem: str) -> None:
    with pytest.raises(SignatureError):
        PublicKey(pem)
