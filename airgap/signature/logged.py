"""cosign's older keyless form: a certificate, and the transparency log's promise to have it.

The "Rekor bundle" of a `.sig` tag's annotations and of `cosign sign-blob --bundle` before version
3: the log signs (body, time, index, log) in canonical JSON (RFC 8785). That time is the time of
signing. The body is compared word by word with what was signed, since the log vouches for nothing
but the body (CVE-2022-36056).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.x509 import Certificate, load_pem_x509_certificate

from airgap.errors import SignatureError
from airgap.signature.certificate import certificate_signer, check_usage
from airgap.signature.keys import is_signed
from airgap.signature.statement import read_object, section
from airgap.signature.trust import TrustRoot

__all__ = ["Logged", "decode"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A signature over a message, its certificate, and the log's promise.

    Attributes:
        signature: The signature.
        message: What it is over.
        certificate: PEM.
        promise: The Rekor bundle: `SignedEntryTimestamp` and `Payload`.
    """

    signature: bytes
    message: bytes
    certificate: str
    promise: Mapping[str, object]

    def verify(self, trust: TrustRoot) -> str:
        """Return the signer.

        Raises:
            SignatureError: Anything of it does not hold.
        """
        certificate = _certificate(self.certificate)
        moment = self._time_of_signing(trust)
        trust.check_certificate(certificate, moment)
        check_usage(certificate)
        self._check_body(certificate)
        if not is_signed(certificate.public_key(), self.signature, self.message):
            raise SignatureError("the signature is not of the certificate's key")
        return certificate_signer(certificate)

    def _time_of_signing(self, trust: TrustRoot) -> datetime:
        entry = section(self.promise, "Payload")
        time, log = entry.get("integratedTime"), entry.get("logID")
        if not isinstance(time, int) or not isinstance(log, str):
            raise SignatureError("no entry of a transparency log is with the signature")
        names = ("body", "integratedTime", "logID", "logIndex")
        signed = json.dumps(
            {name: entry.get(name) for name in names}, sort_keys=True, separators=(",", ":")
        )
        trust.check_entry(log, decode(self.promise.get("SignedEntryTimestamp")), signed.encode())
        try:
            return datetime.fromtimestamp(time, tz=UTC)
        except (ValueError, OverflowError, OSError):
            raise SignatureError(f"the log's time {time} is none") from None

    def _check_body(self, certificate: Certificate) -> None:
        """Compare the log's entry (hashedrekord 0.0.1) with what was signed."""
        body = read_object(decode(section(self.promise, "Payload").get("body")), "log entry")
        kind = (body.get("kind"), body.get("apiVersion"))
        if kind != ("hashedrekord", "0.0.1"):
            raise SignatureError(f"the log entry is a {kind[0]} {kind[1]}, not hashedrekord 0.0.1")
        spec = section(body, "spec")
        digest = section(section(spec, "data"), "hash")
        signature = section(spec, "signature")
        public = decode(section(signature, "publicKey").get("content")).decode(errors="replace")
        logged = (
            digest.get("algorithm"),
            digest.get("value"),
            decode(signature.get("content")),
            _certificate(public),
        )
        ours = ("sha256", hashlib.sha256(self.message).hexdigest(), self.signature, certificate)
        if logged != ours:
            raise SignatureError("the log entry is about another signature, message or certificate")


def decode(value: object) -> bytes:
    """Decode base64 text.

    Raises:
        SignatureError: It is none.
    """
    try:
        return base64.b64decode(value if isinstance(value, str) else "!", validate=True)
    except binascii.Error:
        raise SignatureError("a signature's part is missing or no base64") from None


def _certificate(pem: str) -> Certificate:
    try:
        return load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise SignatureError(f"no certificate: {error}") from None
