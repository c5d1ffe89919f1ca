"""What a signature is about: cosign's simple signing payload and in-toto statements.

A signature over the right words about another image is no signature of this one: every payload is
asked for the digest it names. Of statements, only cosign's own about signing counts as one: an
attestation says something about an image, which may be that it is bad.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from airgap.digest import Digest
from airgap.errors import SignatureError

__all__ = ["SIGN_PREDICATE", "check_payload", "check_statement", "read_object", "section"]

SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
IN_TOTO = "application/vnd.in-toto+json"
_PAYLOAD_TYPE = "cosign container image signature"


def check_payload(payload: bytes, digest: Digest) -> None:
    """Check that a simple signing payload is about an image (cosign's SIGNATURE_SPEC).

    Raises:
        SignatureError: It is about another one, or is no such payload.
    """
    critical = section(read_object(payload, "payload"), "critical")
    if critical.get("type") != _PAYLOAD_TYPE:
        raise SignatureError(f"the payload is of type {critical.get('type')!r}")
    named = section(critical, "image").get("docker-manifest-digest")
    if named != str(digest):
        raise SignatureError(f"the signature is about {named}, not about {digest}")


def check_statement(payload_type: str, payload: bytes, digest: Digest) -> None:
    """Check that a DSSE payload is cosign's statement of having signed an image.

    Raises:
        SignatureError: It is about another one, or says something else.
    """
    if payload_type != IN_TOTO:
        raise SignatureError(f"the envelope holds {payload_type!r}, no statement")
    statement = read_object(payload, "statement")
    predicate = statement.get("predicateType")
    if predicate != SIGN_PREDICATE:
        raise SignatureError(f"an attestation ({predicate}) is no signature")
    subjects = statement.get("subject")
    named = [_sha256(item) for item in subjects] if isinstance(subjects, list) else []
    if digest.hex not in named:
        about = ", ".join(f"sha256:{item}" for item in named if item) or "nothing"
        raise SignatureError(f"the signature is about {about}, not about {digest}")


def read_object(data: bytes | str, what: str) -> Mapping[str, object]:
    """Read a JSON object.

    Raises:
        SignatureError: It is none.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SignatureError(f"the {what} is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise SignatureError(f"the {what} is no JSON object")
    return document


def section(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    """Return the object under a key; an empty one when it is absent."""
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}


def _sha256(subject: object) -> str:
    digest = subject.get("digest") if isinstance(subject, Mapping) else None
    value = digest.get("sha256") if isinstance(digest, Mapping) else None
    return value if isinstance(value, str) else ""
