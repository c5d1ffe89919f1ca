"""`ca-valid` on certificates that are given as a CA and are none.

The peer is OpenSSL, by which the transfer verifies: a handshake in memory says for each case
whether a server is trusted. Go (crypto/x509 of 1.26, Certificate.Verify) was asked the same by
hand: it agrees but for a server's certificate that another has signed, which it takes and OpenSSL
does not, and for a wildcard below a name without a dot.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from airgap.plan import plan_site
from airgap.rules import Finding
from airgap.rules.certificates import read_certificates
from tests.plan.samples import make_lock
from tests.rules.samples import CA, good_site, judge

HOST = "a.berlin.example"
VERSION_1 = """\
-----BEGIN CERTIFICATE-----
MIIBdzCCAR0CFDKzbTOtmuy7IDb7vr8g/6hprytSMAoGCCqGSM49BAMCMD0xEDAO
BgNVBAoMB0V4YW1wbGUxKTAnBgNVBAMMIFZlcnNpb24gMSByb290IChrZXkgdGhy
b3duIGF3YXkpMCAXDTI2MTEzMDE4NDA0NVoYDzIxMjYxMTA2MTg0MDQ1WjA9MRAw
DgYDVQQKDAdFeGFtcGxlMSkwJwYDVQQDDCBWZXJzaW9uIDEgcm9vdCAoa2V5IHRo
cm93biBhd2F5KTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLJYTs+cBj5YYyEh
r9Qjbca2IghgzoYVWFkoEwRRrQ3KBAlFBOpzSAI5fNZ+ANh3E/LWOZuEvMJEzsiU
iayOTNYwCgYIKoZIzj0EAwIDSAAwRQIhAO705UvDaNfyp/caP9kGJyYpzBST1zM7
vciIJ66xKZTmAiBZeO5fIQYN7ibtCtQYAt3y8cGhlQZeRShvFUg1NaOYTQ==
-----END CERTIFICATE-----
"""
"""`openssl x509 -req` without extensions, of a key that is thrown away: version 1, self-signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def make(
    name: str,
    *,
    by: Made | None = None,
    ca: bool | None = False,
    signs: bool | None = None,
    hosts: tuple[str, ...] = (),
) -> Made:
    """Return a certificate; None leaves basicConstraints and keyUsage out."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2126, 1, 1, tzinfo=UTC))
    )
    if ca is not None:
        builder = builder.add_extension(
            x509.BasicConstraints(ca=ca, path_length=None), critical=True
        )
    if signs is not None:
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=signs,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    if hosts:
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(names, critical=False)
    certificate = builder.sign(by.key if by else key, hashes.SHA256())
    return Made(certificate=certificate, key=key)


def is_trusted(ca: str, server: Made, directory: Path) -> bool:
    """Tell whether a client that was given this CA speaks to the server."""
    key = server.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    chain = directory / "server.pem"
    chain.write_bytes(key + server.pem.encode())
    shows = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shows.load_cert_chain(chain)
    trusts = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusts.load_verify_locations(cadata=ca)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusts.wrap_bio(down, up, server_hostname=HOST)
    other = shows.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for side in (client, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return client.getpeercert() is not None


def findings(pem: str) -> list[Finding]:
    """Return what is told of a site whose asset mirror has these CAs."""
    mirror = {
        "kind": "directory",
        "url": f"https://{HOST}/talos",
        "path": "/srv/talos",
        "ca": pem,
    }
    plan = plan_site(good_site(assetMirror=mirror), make_lock(), name="berlin")
    return list(judge("AssetMirror", dict(plan.asset_mirror.inputs), today=date(2027, 1, 1)))


def signed_by(issuer: Made, *given: Made) -> tuple[str, Made]:
    """Return the given CAs as PEM (the issuer where there are none), and a server of the issuer."""
    server = make("server", by=issuer, hosts=(HOST,))
    return "".join(item.pem for item in given) or issuer.pem, server


def own(server: Made) -> tuple[str, Made]:
    """Return a server whose own certificate is given as its CA."""
    return server.pem, server


def _leaf_of_a_ca() -> Made:
    return make("server", by=make("root", ca=True, signs=True), hosts=(HOST,))


def _chain() -> tuple[str, Made]:
    root = make("root", ca=True, signs=True)
    server = make("server", by=root, hosts=(HOST,))
    return server.pem + root.pem, server


CASES: dict[str, tuple[Callable[[], tuple[str, Made]], bool]] = {
    "a CA": (lambda: signed_by(make("root", ca=True, signs=True)), True),
    "a CA without keyUsage": (lambda: signed_by(make("root", ca=True)), True),
    "CA:FALSE": (lambda: signed_by(make("root", ca=False)), False),
    "no basicConstraints": (lambda: signed_by(make("root", ca=None)), False),
    "no keyCertSign": (lambda: signed_by(make("root", ca=True, signs=False)), False),
    "self-signed server": (lambda: own(make("server", hosts=(HOST,))), True),
    "self-signed server, wildcard": (
        lambda: own(make("server", hosts=("*.berlin.example",))),
        True,
    ),
    "self-signed server, too wide a wildcard": (
        lambda: own(make("server", hosts=("*.example",))),
        False,
    ),
    "self-signed server of another name": (lambda: own(make("x", hosts=("b.example",))), False),
    "self-signed server without a name": (lambda: own(make("x")), False),
    "server of a CA that is not given": (lambda: own(_leaf_of_a_ca()), False),
    "server and its CA": (_chain, True),
}


@pytest.mark.parametrize("case", CASES)
def test_what_openssl_refuses_is_a_finding_and_nothing_else(case: str, tmp_path: Path) -> None:
    make_case, passes = CASES[case]
    pem, server = make_case()
    assert is_trusted(pem, server, tmp_path) is passes
    told = [(item.rule, item.level) for item in findings(pem)]
    assert told == ([] if passes else [("ca-valid", "mandatory")])


def test_the_finding_says_what_the_certificate_is_not() -> None:
    pem = make("Berlin", hosts=("b.example",)).pem
    (found,) = findings(pem)
    assert found.message == (
        f"the CA CN=Berlin: it may sign no certificate, and is no self-signed one of {HOST}"
    )
    assert found.subject == next(iter(read_certificates(pem)))


def test_a_root_of_version_1_is_taken() -> None:
    """It cannot say what it may: RFC 5280 leaves that to whoever trusts it; Go and OpenSSL do."""
    (certificate,) = read_certificates(VERSION_1).values()
    assert "signsCertificates" not in certificate
    assert findings(VERSION_1) == []


def test_only_what_is_no_ca_has_more_to_tell() -> None:
    """Inputs that states hold already stay as they are."""
    (good,) = read_certificates(CA).values()
    assert set(good) == {"subject", "notBefore", "notAfter", "key", "signature"}
    (other,) = read_certificates(make("x", hosts=("b.example", "a.example")).pem).values()
    assert {key: other[key] for key in set(other) - set(good)} == {
        "signsCertificates": False,
        "selfSigned": True,
        "names": ["a.example", "b.example"],
    }


def test_a_certificate_of_the_registry_is_measured_by_each_of_its_hosts() -> None:
    pem = make("server", hosts=("r.example",)).pem
    registry = {
        "kind": "existing",
        "endpoints": [
            {"url": "https://r.example:5000", "ca": pem},
            {"url": "https://r2.example:5000", "ca": pem},
        ],
    }
    plan = plan_site(good_site(registry=registry), make_lock(), name="berlin")
    (found,) = judge("Registry", dict(plan.registry.inputs))
    assert found.message.endswith("is no self-signed one of r2.example")


@pytest.mark.parametrize(
    ("written", "more", "is_told"),
    [
        ("f.internal:5000", {}, True),
        ("https://f.internal:5000", {}, True),
        ("f.example:5000", {}, False),  # may have a public certificate
        ("http://f.internal:5000", {}, False),  # that is told by https-only
        ({"url": "https://f.internal:5000", "ca": CA}, {}, False),
        ("f.internal:5000", {"ca": CA}, False),  # trusted by the factory's own
        ("r.internal:5000", {}, False),  # the site's registry, which has a CA
    ],
)
def test_a_factorys_registry_needs_a_ca_that_somebody_gives(
    written: object, more: dict[str, object], *, is_told: bool
) -> None:
    endpoints = [
        {"url": "https://r.internal:5000", "ca": CA},
        {"url": "https://r2.example:5000", "ca": CA},
    ]
    factory = {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "registry": written,
        **more,
    }
    site = good_site(registry={"kind": "existing", "endpoints": endpoints}, imageFactory=factory)
    plan = plan_site(site, make_lock(), name="berlin")
    found = judge("ImageFactory", dict(plan.image_factory.inputs))
    subjects = [item.subject for item in found if item.rule == "ca-valid"]
    assert subjects == (["f.internal:5000"] if is_told else [])
    assert ("registryTrust" in plan.image_factory.inputs) is (
        is_told or written == "f.example:5000"
    )
