"""What is read of a CA's PEM, and what is refused of it; `cryptography` makes certificates."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from airgap.plan import plan_site
from airgap.plan.trust import fingerprint
from airgap.rules import Finding
from airgap.rules.certificates import read_certificates
from tests.engine.workspace import CHECKOUT
from tests.plan.samples import make_lock, make_site
from tests.rules.samples import CA, TODAY, component, good_site, judge, put

Private = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
KEYS: dict[str, Callable[[], Private]] = {
    "EC 256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EC 224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "RSA 2048": lambda: rsa.generate_private_key(65537, 2048),
    "RSA 1024": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 (that is what is refused)
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


@cache
def made(
    key: str = "EC 256", *, end: date = date(2126, 1, 1), begin: date = date(2020, 1, 1)
) -> str:
    """Return a self-signed CA in PEM whose first day is `begin`, and whose last one is `end`."""
    private = KEYS[key]()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Made {key}")])
    until = datetime(end.year, end.month, end.day, 12, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(begin.year, begin.month, begin.day, tzinfo=UTC))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    certificate = builder.sign(private, None if key == "Ed25519" else hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def findings(pem: str, *, today: date = TODAY) -> list[Finding]:
    """Return what is told of a site whose asset mirror has these CAs."""
    mirror = {
        "kind": "directory",
        "url": "https://a.example/talos",
        "path": "/srv/talos",
        "ca": pem,
    }
    plan = plan_site(good_site(assetMirror=mirror), make_lock(), name="berlin")
    return list(judge("AssetMirror", dict(plan.asset_mirror.inputs), today=today))


def test_a_certificate_is_read_as_openssl_reads_it() -> None:
    """`openssl x509 -in stacks/certs/example-ca.pem -noout -text`."""
    assert read_certificates(CA) == {
        fingerprint(CA): {
            "subject": "CN=Example site CA (key thrown away),O=Example",
            "notBefore": "2026-11-23",
            "notAfter": "2126-10-30",
            "key": "EC 256",
            "signature": "sha256",
        }
    }


def test_a_bundle_is_read_whole_and_in_order() -> None:
    bundle = made("RSA 2048") + CA + made("Ed25519")
    assert [item["key"] for item in read_certificates(bundle).values()] == [
        "RSA 2048",
        "EC 256",
        "Ed25519",
    ]


@pytest.mark.parametrize("key", ["EC 256", "RSA 2048", "Ed25519"])
def test_a_strong_ca_in_date_passes(key: str) -> None:
    assert findings(made(key)) == []


@pytest.mark.parametrize("key", ["EC 224", "RSA 1024"])
def test_a_weak_key_is_refused(key: str) -> None:
    (found,) = findings(made(key))
    assert (found.rule, found.level) == ("ca-valid", "mandatory")
    assert f"CN=Made {key}: its key is weak: {key}" in found.message
    assert found.subject == fingerprint(made(key))


def test_a_weak_hash_is_refused() -> None:
    values = component("AssetMirror")
    certificate = {"subject": "CN=x", "notAfter": "2126-01-01", "key": "RSA 4096"}
    for name in ("sha1", "md5"):
        put(values, "certificates", {"sha256:x": {**certificate, "signature": name}})
        (found,) = judge("AssetMirror", values)
        assert (found.rule, name.upper() in found.message) == ("ca-valid", True)


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (31, []),
        (30, [("ca-expiry", "advisory")]),
        (1, [("ca-expiry", "advisory")]),
        (0, [("ca-valid", "mandatory")]),
        (-300, [("ca-valid", "mandatory")]),
    ],
)
def test_a_ca_is_a_note_in_its_last_thirty_days_and_refused_from_its_last_day_on(
    days: int, told: list[tuple[str, str]]
) -> None:
    pem = made(end=TODAY + timedelta(days=days))
    assert [(item.rule, item.level) for item in findings(pem)] == told


@pytest.mark.parametrize(("days", "is_told"), [(1, True), (400, True), (0, False), (-1, False)])
def test_a_ca_that_is_not_valid_yet_is_refused(days: int, *, is_told: bool) -> None:
    """Clients refuse it as they refuse one that is out of date (RFC 5280, 4.1.2.5)."""
    begin = TODAY + timedelta(days=days)
    told = [(item.rule, item.message) for item in findings(made(begin=begin))]
    message = f"the CA CN=Made EC 256: is not valid before {begin}"
    assert told == ([("ca-valid", message)] if is_told else [])


def test_what_tls_reads_and_nobody_else_is_not_passed_over() -> None:
    """The sites' own check is the TLS library's; its judgement is not the last."""
    nonsense = "-----BEGIN CERTIFICATE-----\nc2l0ZSBDQQ==\n-----END CERTIFICATE-----\n"
    (found,) = findings(nonsense)
    assert (found.rule, "cannot be read" in found.message) == ("ca-valid", True)


@pytest.mark.parametrize(
    ("url", "is_told"),
    [
        ("https://a.example/talos", False),  # may have a public certificate
        ("https://artifacts.berlin.local/talos", True),
        ("https://artifacts.internal:8443/talos", True),
        ("https://artifacts/talos", True),
        ("https://10.0.0.5:8443/talos", True),
        ("https://[fd00::1]:8443/talos", True),
        ("http://10.0.0.5/talos", False),  # that is told by https-only
    ],
)
def test_a_host_that_no_public_ca_certifies_needs_a_ca(url: str, is_told: bool) -> None:
    mirror = {"kind": "directory", "url": url, "path": "/srv/talos"}
    plan = plan_site(make_site(assetMirror=mirror), make_lock(), name="berlin")
    rules = {item.rule for item in judge("AssetMirror", dict(plan.asset_mirror.inputs))}
    assert ("ca-valid" in rules) is is_told
    mirror["ca"] = CA
    plan = plan_site(make_site(assetMirror=mirror), make_lock(), name="berlin")
    assert "ca-valid" not in {
        item.rule for item in judge("AssetMirror", dict(plan.asset_mirror.inputs))
    }


def test_each_ca_of_a_component_is_shown_once() -> None:
    registry = {
        "kind": "existing",
        "endpoints": [
            {"url": "https://r.example:5000", "ca": CA},
            {"url": "https://r2.example:5000", "ca": CA + made("RSA 2048")},
        ],
        "mirrors": {"quay.io": {"endpoints": ["https://q.example"], "caCert": made("Ed25519")}},
    }
    factory = {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "registry": {"url": "https://f.example:5000", "ca": made("RSA 2048")},
        "ca": made(),
    }
    plan = plan_site(good_site(registry=registry, imageFactory=factory), make_lock(), name="berlin")
    keys = {
        item.kind: sorted(entry["key"] for entry in item.inputs["certificates"].values())  # type: ignore[attr-defined]  # a mapping
        for item in plan.components
        if "certificates" in item.inputs
    }
    assert keys == {
        "Registry": ["EC 256", "EC 256", "Ed25519", "RSA 2048"],  # machines pull from the factory
        "AssetMirror": ["EC 256"],
        "ImageFactory": ["EC 256", "RSA 2048"],
    }


def test_a_site_without_a_ca_does_not_load_the_library() -> None:
    """It takes longer than all else that the rules import."""
    code = "import sys, airgap.rules, airgap.plan; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=False).returncode == 0
