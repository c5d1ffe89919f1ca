"""Keyless signatures, both forms: what holds, and each single thing that makes it not hold.

tests/peers/test_signatures.py shows that the real cosign judges the practice Sigstore's signatures
the same way.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from airgap.errors import SignatureError
from airgap.signature.blob import verify_blob
from airgap.signature.trust import TrustRoot
from lab.sigstore import Keyless, Sigstore
from tests.signature.artifacts import STATEMENT, push_bundle, push_keyless, statement_of
from tests.signature.conftest import IDENTITY, ISSUER, MOMENT, REPOSITORY, SIGNER, Bench

__all__: list[str] = []

SUMS = b"0" * 128 + b"  vmlinuz-amd64\n"
FORMS = {"cosign 2": Keyless.blob_bundle, "sigstore bundle": Keyless.bundle}


def sign(sigstore: Sigstore, message: bytes, **changes: object) -> Keyless:
    """Sign as the expected identity; the arguments of `Sigstore.sign` are replaced by name."""
    given: dict[str, object] = {"identity": IDENTITY, "issuer": ISSUER, "moment": MOMENT}
    return sigstore.sign(message, **{**given, **changes})  # type: ignore[arg-type]


# Images


def test_a_signature_by_tag_tells_its_signer(bench: Bench) -> None:
    push_keyless(bench.pusher, REPOSITORY, bench.digest, sign(bench.sigstore, bench.payload()))
    assert bench.verdict().signers == (SIGNER,)


def test_a_signature_by_referrer_tells_its_signer(bench: Bench) -> None:
    signed = sign(bench.sigstore, statement_of(bench.digest), payload_type=STATEMENT)
    push_bundle(
        bench.pusher,
        REPOSITORY,
        bench.digest,
        signed.bundle(),
        fallback=not bench.registry.has_referrers_api(REPOSITORY),
    )
    assert bench.verdict().signers == (SIGNER,)


def test_a_message_signature_is_over_the_manifest(bench: Bench) -> None:
    signed = sign(bench.sigstore, bench.image.index)
    fallback = not bench.registry.has_referrers_api(REPOSITORY)
    push_bundle(bench.pusher, REPOSITORY, bench.digest, signed.bundle(), fallback=fallback)
    assert bench.verdict().signers == (SIGNER,)


def test_a_payload_about_another_image_is_no_signature(bench: Bench) -> None:
    other = bench.payload().replace(bench.digest.encode(), b"sha256:" + b"0" * 64)
    push_keyless(bench.pusher, REPOSITORY, bench.digest, sign(bench.sigstore, other))
    verdict = bench.verdict()
    assert verdict.signers == ()
    assert f"about sha256:{'0' * 64}, not about {bench.digest}" in str(verdict)


def test_a_statement_about_another_image_is_no_signature(bench: Bench) -> None:
    statement = statement_of(f"sha256:{'0' * 64}")
    signed = sign(bench.sigstore, statement, payload_type=STATEMENT)
    fallback = not bench.registry.has_referrers_api(REPOSITORY)
    push_bundle(bench.pusher, REPOSITORY, bench.digest, signed.bundle(), fallback=fallback)
    assert bench.verdict().signers == ()


def test_an_attestation_is_no_signature(bench: Bench) -> None:
    statement = statement_of(bench.digest, predicate="https://slsa.dev/provenance/v1")
    signed = sign(bench.sigstore, statement, payload_type=STATEMENT)
    fallback = not bench.registry.has_referrers_api(REPOSITORY)
    push_bundle(bench.pusher, REPOSITORY, bench.digest, signed.bundle(), fallback=fallback)
    verdict = bench.verdict()
    assert verdict.signers == ()
    assert "an attestation (https://slsa.dev/provenance/v1) is no signature" in str(verdict)


def test_a_log_s_promise_over_another_signature_does_not_count(bench: Bench) -> None:
    """CVE-2022-36056: the entry is real, and about something else."""
    ours = sign(bench.sigstore, bench.payload())
    theirs = sign(bench.sigstore, b"something else")
    mixed = replace(ours, entry=theirs.entry)
    push_keyless(bench.pusher, REPOSITORY, bench.digest, mixed)
    verdict = bench.verdict()
    assert verdict.signers == ()
    assert "about another signature, message or certificate" in str(verdict)


def test_an_image_without_signatures_is_told(bench: Bench) -> None:
    verdict = bench.verdict()
    assert verdict.signers == ()
    assert str(verdict) == "it has no signature"


def test_a_good_signature_counts_beside_a_bad_one(bench: Bench) -> None:
    good = sign(bench.sigstore, bench.payload())
    push_keyless(bench.pusher, REPOSITORY, bench.digest, good)
    bad = replace(sign(bench.sigstore, bench.image.index), signature=b"\x30\x00")
    fallback = not bench.registry.has_referrers_api(REPOSITORY)
    push_bundle(bench.pusher, REPOSITORY, bench.digest, bad.bundle(), fallback=fallback)
    verdict = bench.verdict()
    assert verdict.signers == (SIGNER,)
    assert len(verdict.refused) == 1


# Files, and what is common to both


@pytest.fixture(params=FORMS)
def written(request: pytest.FixtureRequest) -> Callable[[Keyless], bytes]:
    """How a signature is written down."""
    return FORMS[request.param]


def refusal(bundle: bytes, sigstore: Sigstore, *, data: bytes = SUMS, **root: object) -> str:
    """Return why a file's bundle is refused."""
    with pytest.raises(SignatureError) as caught:
        verify_blob(data, bundle, TrustRoot(sigstore.trusted_root(**root)))
    return caught.value.message


def test_a_file_s_bundle_tells_its_signer(
    sigstore: Sigstore, written: Callable[[Keyless], bytes]
) -> None:
    bundle = written(sign(sigstore, SUMS))
    assert verify_blob(SUMS, bundle, TrustRoot(sigstore.trusted_root())) == SIGNER


def test_a_uri_is_an_identity(sigstore: Sigstore, written: Callable[[Keyless], bytes]) -> None:
    workflow = "https://github.com/example/app/.github/workflows/release.yml@refs/tags/v1"
    bundle = written(sign(sigstore, SUMS, identity=workflow))
    signer = verify_blob(SUMS, bundle, TrustRoot(sigstore.trusted_root()))
    assert signer == f"keyless {ISSUER} {workflow}"


def test_other_bytes_are_refused(sigstore: Sigstore, written: Callable[[Keyless], bytes]) -> None:
    assert refusal(written(sign(sigstore, SUMS)), sigstore, data=SUMS + b"x")


def test_a_certificate_of_another_authority_is_refused(
    sigstore: Sigstore, written: Callable[[Keyless], bytes]
) -> None:
    reason = refusal(written(sign(Sigstore(), SUMS)), sigstore)
    assert "authority" in reason or "certificate" in reason or "log" in reason


def test_only_the_authority_being_another_is_refused(
    sigstore: Sigstore, written: Callable[[Keyless], bytes]
) -> None:
    other = json.loads(Sigstore().trusted_root())["certificateAuthorities"]
    reason = refusal(written(sign(sigstore, SUMS)), sigstore, certificateAuthorities=other)
    assert "certificate" in reason


def test_a_signature_after_the_certificate_s_end_is_refused(
    sigstore: Sigstore, written: Callable[[Keyless], bytes]
) -> None:
    late = sign(sigstore, SUMS, logged_at=MOMENT + timedelta(minutes=11))
    assert "cert" in refusal(written(late), sigstore)


def test_a_signature_before_the_certificate_s_begin_is_refused(
    sigstore: Sigstore, written: Callable[[Keyless], bytes]
) -> None:
    early = sign(sigstore, SUMS, logged_at=MOMENT - timedelta(minutes=1))
    assert "cert" in refusal(written(early), sigstore)


def test_a_certificate_that_was_never_logged_is_refused(
    sigstore: Sigstore, written: Callable[[Keyless], bytes]
) -> None:
    hidden = sign(sigstore, SUMS, in_certificate_log=False)
    assert "timestamp" in refusal(written(hidden), sigstore)


def test_a_certificate_log_that_is_not_trusted_is_refused(
    sigstore: Sigstore, written: Callable[[Keyless], bytes]
) -> None:
    other = json.loads(Sigstore().trusted_root())["ctlogs"]
    assert "SCT" in refusal(written(sign(sigstore, SUMS)), sigstore, ctlogs=other)


@pytest.mark.parametrize("logs", ["none", "another"])
def test_a_transparency_log_that_is_not_trusted_is_refused(
    sigstore: Sigstore, written: Callable[[Keyless], bytes], logs: str
) -> None:
    tlogs = json.loads(Sigstore().trusted_root())["tlogs"] if logs == "another" else []
    assert "log" in refusal(written(sign(sigstore, SUMS)), sigstore, tlogs=tlogs)


def test_a_promise_over_other_words_is_refused(
    sigstore: Sigstore, written: Callable[[Keyless], bytes]
) -> None:
    signed = sign(sigstore, SUMS)
    later = replace(signed.entry, time=signed.entry.time + 1)
    assert "log" in refusal(written(replace(signed, entry=later)), sigstore)


def test_a_signature_of_another_key_is_refused(
    sigstore: Sigstore, written: Callable[[Keyless], bytes]
) -> None:
    ours, theirs = sign(sigstore, SUMS), sign(sigstore, SUMS)
    assert refusal(written(replace(ours, signature=theirs.signature)), sigstore)
    assert refusal(written(replace(ours, certificate=theirs.certificate)), sigstore)


def test_a_proof_of_another_entry_is_refused(sigstore: Sigstore) -> None:
    signed, other = sign(sigstore, SUMS), sign(sigstore, b"other")
    moved = replace(signed.entry, path=(*other.entry.path[:-1], bytes(32)))
    assert "log entry" in refusal(replace(signed, entry=moved).bundle(), sigstore)


@pytest.mark.parametrize(
    "bundle",
    [b"", b"[]", b"{}", b"<html>", b'{"base64Signature": 1}', b"[" * 100_000, b"\xff\xfe"],
)
def test_what_is_no_bundle_is_refused(sigstore: Sigstore, bundle: bytes) -> None:
    assert refusal(bundle, sigstore)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"mediaType": "application/json"}'])
def test_what_is_no_trust_root_is_refused(text: str) -> None:
    with pytest.raises(SignatureError, match="no trust root"):
        TrustRoot(text)
