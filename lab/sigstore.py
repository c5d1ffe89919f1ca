"""A practice Sigstore: a certificate authority, a certificate log, a transparency log, of its own.

What Fulcio, its CT log and Rekor sign, with keys made here, in the forms that cosign 2 writes: RFC
6962 timestamps, Rekor's entries, Sigstore bundles version 0.3. Each step can be left out or done
wrong: that is what verification is tested with.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.transparency import Entry, TransparencyLog, base64_text, canonical, spki

__all__ = ["Keyless", "Sigstore"]

_SHA256 = ec.ECDSA(hashes.SHA256())
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_ISSUER_V1 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_ROOT = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
_LIFETIME = timedelta(minutes=10)
_START = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyless:
    """A keyless signature with its evidence; `replace` makes a wrong one of it."""

    message: bytes
    signature: bytes
    certificate: x509.Certificate
    entry: Entry
    payload_type: str = ""

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def annotations(self) -> dict[str, str]:
        """Return the annotations of a layer of a `.sig` tag."""
        return {
            "dev.cosignproject.cosign/signature": base64_text(self.signature),
            "dev.sigstore.cosign/certificate": self.pem,
            "dev.sigstore.cosign/bundle": json.dumps(self.entry.rekor_bundle()),
        }

    def blob_bundle(self) -> bytes:
        """Return what `cosign sign-blob --bundle` of cosign 2 writes."""
        document = {
            "base64Signature": base64_text(self.signature),
            "cert": base64_text(self.pem.encode()),
            "rekorBundle": self.entry.rekor_bundle(),
        }
        return json.dumps(document).encode()

    def bundle(self) -> bytes:
        """Return the Sigstore bundle: of a message, or of a DSSE envelope."""
        raw = self.certificate.public_bytes(Encoding.DER)
        content: dict[str, object] = {
            "messageSignature": {
                "messageDigest": {
                    "algorithm": "SHA2_256",
                    "digest": base64_text(hashlib.sha256(self.message).digest()),
                },
                "signature": base64_text(self.signature),
            }
        }
        if self.payload_type:
            content = {"dsseEnvelope": self.envelope()}
        material = {
            "certificate": {"rawBytes": base64_text(raw)},
            "tlogEntries": [self.entry.tlog_entry()],
        }
        document = {"mediaType": _BUNDLE, "verificationMaterial": material, **content}
        return json.dumps(document).encode()

    def envelope(self) -> dict[str, object]:
        """Return the DSSE envelope."""
        return _envelope(self.message, self.payload_type, self.signature)


class Sigstore:
    """A certificate authority and the two logs, each with a key of its own."""

    def __init__(self) -> None:
        self._root_key, self._issuing_key = _new_key(), _new_key()
        self.ct_key, self.rekor = _new_key(), TransparencyLog()
        self.root = _authority("root", self._root_key, self._root_key, None)
        self.issuing = _authority("issuing", self._issuing_key, self._root_key, self.root)

    def trusted_root(self, **changes: object) -> str:
        """Return the trust root as a Sigstore TrustedRoot; sections are replaced by name."""
        chain = [item.public_bytes(Encoding.DER) for item in (self.issuing, self.root)]
        authority = {
            "subject": {"organization": "practice", "commonName": "issuing"},
            "uri": "https://fulcio.practice.example",
            "certChain": {"certificates": [{"rawBytes": base64_text(raw)} for raw in chain]},
            "validFor": {"start": _stamp(_START)},
        }
        document: dict[str, object] = {
            "mediaType": _ROOT,
            "tlogs": [_log("https://rekor.practice.example", self.rekor.key)],
            "certificateAuthorities": [authority],
            "ctlogs": [_log("https://ct.practice.example", self.ct_key)],
            "timestampAuthorities": [],
        }
        return json.dumps({**document, **changes}, indent=2)

    def certify(
        self,
        key: ec.EllipticCurvePublicKey,
        *,
        identity: str,
        issuer: str,
        moment: datetime,
        logged: bool = True,
    ) -> x509.Certificate:
        """Return a certificate of ten minutes; without the certificate log's word if asked."""
        names = x509.SubjectAlternativeName([_name(identity)])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(
            self._issuing_key.public_key()
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.issuing.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment)
            .not_valid_after(moment + _LIFETIME)
            .add_extension(_key_usage(signs=True), critical=True)
            .add_extension(usage, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(authority, critical=False)
            .add_extension(names, critical=True)
            .add_extension(x509.UnrecognizedExtension(_ISSUER_V1, issuer.encode()), critical=False)
            .add_extension(x509.UnrecognizedExtension(_ISSUER, _utf8(issuer)), critical=False)
        )
        before = builder.sign(self._issuing_key, hashes.SHA256())
        if not logged:
            return before
        timestamps = self._timestamps(before, moment)
        listed = x509.UnrecognizedExtension(_SCT_LIST, _octets(timestamps))
        return builder.add_extension(listed, critical=False).sign(
            self._issuing_key, hashes.SHA256()
        )

    def sign(
        self,
        message: bytes,
        *,
        identity: str,
        issuer: str,
        moment: datetime,
        payload_type: str = "",
        logged_at: datetime | None = None,
        in_certificate_log: bool = True,
    ) -> Keyless:
        """Sign as an identity: a new key, its certificate, the signature, its entry in the log.

        Args:
            message: A message, or the payload of a DSSE envelope of `payload_type`.
            identity: A mail address or URI.
            issuer: Who vouches for it.
            moment: When the certificate begins.
            payload_type: Makes it a DSSE envelope.
            logged_at: When the transparency log took it; a minute after `moment` by default.
            in_certificate_log: Whether the certificate has the log's timestamp.
        """
        key = _new_key()
        certificate = self.certify(
            key.public_key(),
            identity=identity,
            issuer=issuer,
            moment=moment,
            logged=in_certificate_log,
        )
        signed = _pre_authentication(payload_type, message) if payload_type else message
        signature = key.sign(signed, _SHA256)
        pem = certificate.public_bytes(Encoding.PEM)
        entry = self.rekor.add(
            _dsse_body(message, payload_type, signature, pem)
            if payload_type
            else _hashed_body(message, signature, pem),
            kind="dsse" if payload_type else "hashedrekord",
            moment=logged_at or moment + timedelta(minutes=1),
        )
        return Keyless(
            message=message,
            signature=signature,
            certificate=certificate,
            entry=entry,
            payload_type=payload_type,
        )

    def _timestamps(self, before: x509.Certificate, moment: datetime) -> bytes:
        """Return the certificate log's timestamps (RFC 6962, section 3.2 and 3.3)."""
        tbs = before.tbs_certificate_bytes
        issuer = hashlib.sha256(spki(self._issuing_key)).digest()
        time = int(moment.timestamp() * 1000)
        entry = issuer + struct.pack("!I", len(tbs))[1:] + tbs
        signed = struct.pack("!BBQH", 0, 0, time, 1) + entry + struct.pack("!H", 0)
        signature = self.ct_key.sign(signed, _SHA256)
        log = hashlib.sha256(spki(self.ct_key)).digest()
        stamp = struct.pack("!B32sQH", 0, log, time, 0)
        stamp += struct.pack("!BBH", 4, 3, len(signature)) + signature  # sha256, ecdsa
        return struct.pack("!HH", len(stamp) + 2, len(stamp)) + stamp


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _authority(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
) -> x509.Certificate:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "practice"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    below = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    length = 1 if issuer is None else 0
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_START)
        .not_valid_after(_START + timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
        .add_extension(_key_usage(signs=False), critical=True)
        .add_extension(below, critical=False)
        .add_extension(above, critical=False)
    )
    if issuer is not None:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        key_cert_sign=not signs,
        crl_sign=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(identity: str) -> x509.GeneralName:
    uri = "://" in identity
    return x509.UniformResourceIdentifier(identity) if uri else x509.RFC822Name(identity)


def _log(url: str, key: ec.EllipticCurvePrivateKey) -> dict[str, object]:
    public = {
        "rawBytes": base64_text(spki(key)),
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
        "validFor": {"start": _stamp(_START)},
    }
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": public,
        "logId": {"keyId": base64_text(hashlib.sha256(spki(key)).digest())},
    }


def _hashed_body(message: bytes, signature: bytes, pem: bytes) -> bytes:
    digest = {"algorithm": "sha256", "value": hashlib.sha256(message).hexdigest()}
    signed = {"content": base64_text(signature), "publicKey": {"content": base64_text(pem)}}
    spec = {"data": {"hash": digest}, "signature": signed}
    return canonical({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec})


def _dsse_body(payload: bytes, kind: str, signature: bytes, pem: bytes) -> bytes:
    envelope = canonical(_envelope(payload, kind, signature))
    spec = {
        "envelopeHash": {"algorithm": "sha256", "value": hashlib.sha256(envelope).hexdigest()},
        "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
        "signatures": [{"signature": base64_text(signature), "verifier": base64_text(pem)}],
    }
    return canonical({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})


def _envelope(payload: bytes, kind: str, signature: bytes) -> dict[str, object]:
    return {
        "payload": base64_text(payload),
        "payloadType": kind,
        "signatures": [{"sig": base64_text(signature)}],
    }


def _pre_authentication(kind: str, payload: bytes) -> bytes:
    return f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload


def _utf8(text: str) -> bytes:
    return _tagged(0x0C, text.encode())


def _octets(data: bytes) -> bytes:
    return _tagged(0x04, data)


def _tagged(tag: int, data: bytes) -> bytes:
    """Return DER with its length."""
    size = len(data)
    digits = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    length = digits if size < 0x80 else bytes([0x80 | len(digits)]) + digits
    return bytes([tag]) + length + data


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
