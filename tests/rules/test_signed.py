"""Signers against requirements, and the two rules over components' plain values."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import date

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from airgap.rules import evaluate
from airgap.rules.signers import Requirement, key_signer, matches

__all__: list[str] = []

ISSUER = "https://accounts.example.com"
SIGNER = f"keyless {ISSUER} releases@example.com"
REQUIRED = {"images": "ghcr.io/**", "issuer": ISSUER, "identity": "releases@example.com"}
TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("pattern", "name", "covers"),
    [
        ("ghcr.io/siderolabs/*", "ghcr.io/siderolabs/kubelet", True),
        ("ghcr.io/siderolabs/*", "ghcr.io/siderolabs/a/b", False),
        ("ghcr.io/siderolabs/**", "ghcr.io/siderolabs/a/b", True),
        ("ghcr.io/siderolabs/**", "ghcr.io/siderolabs-evil/a", False),
        ("ghcr.io/*/kubelet", "ghcr.io/siderolabs/kubelet", True),
        ("ghcr.io/*", "ghcr-io/kubelet", False),
        ("**", "docker.io/library/nginx", True),
        ("r.example:5000/**", "r.example:5000/a", True),
    ],
)
def test_a_pattern_covers_names(pattern: str, name: str, covers: bool) -> None:
    assert matches(pattern, name) is covers


@pytest.mark.parametrize(
    ("pattern", "identity", "accepted"),
    [
        (r"@example\.com$", "a@example.com", True),
        (r"@example\.com$", "a@example.com.evil", False),
        (r"^a@", "ba@example.com", False),
        (r"^https://github\.com/o/", "https://github.com/o/r/.github/x@refs/heads/main", True),
    ],
)
def test_a_pattern_is_searched_for_in_the_identity(
    pattern: str, identity: str, accepted: bool
) -> None:
    """As cosign's `--certificate-identity-regexp`."""
    rule = Requirement(images="**", issuer=ISSUER, pattern=pattern)
    assert rule.accepts(f"keyless {ISSUER} {identity}") is accepted
    assert not rule.accepts(f"keyless {ISSUER}.evil {identity}")


def test_a_requirement_without_a_signer_accepts_nobody() -> None:
    for signer in (SIGNER, "", "key ", "keyless  ", "unsigned"):
        assert not Requirement(images="**", issuer=ISSUER).accepts(signer)
        assert not Requirement(images="**").accepts(signer)


def test_a_key_is_named_by_the_digest_of_its_der() -> None:
    """RFC 7468: PEM is the base64 of the DER (SubjectPublicKeyInfo); hashlib counts it."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    form = PublicFormat.SubjectPublicKeyInfo
    pem = key.public_bytes(Encoding.PEM, form).decode()
    der = key.public_bytes(Encoding.DER, form)
    assert key_signer(pem) == f"key sha256:{hashlib.sha256(der).hexdigest()}"
    assert key_signer(pem.replace("\n", "\r\n")) == key_signer(pem)


def registry(signed_by: dict[str, object], **more: object) -> dict[str, object]:
    """Return a Registry's inputs as far as the rule reads them."""
    return {"signatures": {"require": [REQUIRED], "signedBy": signed_by}, **more}


def told(kind: str, values: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """Return rule, level and sentence of each finding of the two rules."""
    findings = evaluate(f"airgap:index:{kind}", "x", values, today=TODAY)
    return [
        (item.rule, item.level, str(item)) for item in findings if item.rule.startswith("signed")
    ]


def test_an_image_signed_by_whom_it_must_is_no_finding() -> None:
    assert told("Registry", registry({"ghcr.io/a/b:v1": [SIGNER]})) == []
    assert told("Registry", {}) == []


@pytest.mark.parametrize(
    ("signers", "found"), [([], "nobody"), (["key sha256:00"], "key sha256:00")]
)
def test_an_image_without_its_signature_is_mandatory(signers: list[str], found: str) -> None:
    sentence = f"ghcr.io/a/b:v1: signed by {found}, expected {SIGNER}"
    remedy = "(run: python -m airgap lock <site>)"
    assert told("Registry", registry({"ghcr.io/a/b:v1": signers})) == [
        ("signed", "mandatory", f"{sentence} {remedy}")
    ]


@pytest.mark.parametrize("subject", ["ghcr.io/a/b:v1", "ghcr.io/a/b"])
def test_an_exception_names_the_image_or_its_repository(subject: str) -> None:
    exception = {
        "rule": "signed",
        "subject": subject,
        "reason": "unsigned upstream",
        "owner": "platform",
        "expires": "2027-01-31",
    }
    values = registry({"ghcr.io/a/b:v1": []}, policy={"exceptions": [exception]})
    assert [level for _, level, _ in told("Registry", values)] == ["advisory"]


@pytest.mark.parametrize("signer", ["unsigned", ""])
def test_an_unsigned_release_is_noted(signer: str) -> None:
    values = {"signatures": {"require": [REQUIRED], "signedBy": {"v1.9.6": signer}}}
    ((rule, level, sentence),) = told("AssetMirror", values)
    assert (rule, level) == ("signed-release", "advisory")
    assert re.match(r"v1\.9\.6: its sha512sum\.txt is unsigned", sentence)
    values = {"signatures": {"require": [REQUIRED], "signedBy": {"v1.11.5": SIGNER}}}
    assert told("AssetMirror", values) == []
