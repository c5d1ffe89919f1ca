"""CA certificates are read from their files and judged by the TLS library."""

from __future__ import annotations

import base64

import pytest
import trustme

from airgap.site.path import Step
from tests.site.documents import EXAMPLE_CA, changed, faults_of, parsed

__all__: list[str] = []

ENDPOINT = ("registry", "endpoints", 0)
_KEY = f"-----BEGIN PRIVATE {'KEY'}-----\nMARKED\n-----END PRIVATE {'KEY'}-----\n"
_UPSTREAM = {"url": "https://cache.example", "caFile": "ca.pem"}
_FACTORY = {
    "kind": "existing",
    "version": "v1.5.0",
    "endpoint": "https://factory.example",
    "registry": "registry.example:5000",
    "caFile": "ca.pem",
}


def test_every_ca_file_is_read_into_its_place() -> None:
    value = changed(
        ((*ENDPOINT, "caFile"), "ca.pem"),
        (("assetMirror", "caFile"), "ca.pem"),
        (("sidero", "controllerTrust"), "managed"),
        (("imageFactory",), _FACTORY),
        (("upstream", "registries"), {"ghcr.io": _UPSTREAM}),
        (("upstream", "releases"), _UPSTREAM),
    )

    site = parsed(value, {"ca.pem": EXAMPLE_CA.encode()})

    assert site.registry.endpoints[0].ca == EXAMPLE_CA
    assert site.asset_mirror.ca == EXAMPLE_CA
    assert site.image_factory.ca == EXAMPLE_CA
    assert site.upstream.registries["ghcr.io"].ca == EXAMPLE_CA
    assert site.upstream.releases is not None
    assert site.upstream.releases.ca == EXAMPLE_CA


def test_a_bundle_of_certificates_is_accepted() -> None:
    bundle = trustme.CA().cert_pem.bytes() + b"\n# the old one\n" + trustme.CA().cert_pem.bytes()

    site = parsed(changed(((*ENDPOINT, "caFile"), "ca.pem")), {"ca.pem": bundle})

    assert site.registry.endpoints[0].ca == bundle.decode()


def test_the_base64_of_pem_is_understood() -> None:
    text = base64.encodebytes(EXAMPLE_CA.encode()).decode()
    mirror = {"endpoints": ["https://r.example"], "caCert": text}

    site = parsed(changed((("registry", "mirrors", "docker.io"), mirror)))

    assert site.registry.mirrors["docker.io"].ca_cert == EXAMPLE_CA


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no certificate"),
        (b"garbage", "no certificate"),
        (b"\xff\xfe\x00", "no certificate"),
        (EXAMPLE_CA.encode()[:-30], "cut off"),
        (EXAMPLE_CA.replace("MII", "AAA").encode(), "bad PEM"),
        (
            b"-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n",
            "bad PEM",
        ),
        ((EXAMPLE_CA + _KEY).encode(), "holds a private key"),
        (EXAMPLE_CA.encode() + b"\n" * (1 << 20), "is over"),
    ],
)
def test_a_file_that_tls_would_not_take_is_refused(data: bytes, words: str) -> None:
    [fault] = faults_of(changed(((*ENDPOINT, "caFile"), "ca.pem")), {"ca.pem": data})

    assert fault.path == "site.registry.endpoints[0].caFile"
    assert words in fault.message
    assert "MARKED" not in str(fault)


def test_a_damaged_certificate_among_good_ones_is_refused() -> None:
    damaged = EXAMPLE_CA + EXAMPLE_CA.replace("MII", "AAA")

    [fault] = faults_of(changed(((*ENDPOINT, "ca"), damaged)))

    assert fault.path == "site.registry.endpoints[0].ca"


def test_a_file_that_is_not_there_is_told_with_where_paths_start() -> None:
    [fault] = faults_of(changed(((*ENDPOINT, "caFile"), "certs/gone.pem")))

    assert str(fault) == (
        "site.registry.endpoints[0].caFile: 'certs/gone.pem' cannot be read: "
        "No such file or directory (paths start at the stack file)"
    )


def test_a_ca_is_given_once() -> None:
    value = changed(((*ENDPOINT, "caFile"), "ca.pem"), ((*ENDPOINT, "ca"), EXAMPLE_CA))

    [fault] = faults_of(value, {"ca.pem": EXAMPLE_CA.encode()})

    assert fault.path == "site.registry.endpoints[0].caFile"


@pytest.mark.parametrize(
    "place",
    [("registry", "endpoints", 0, "caFile"), ("assetMirror", "caFile"), ("imageFactory", "caFile")],
)
def test_a_ca_for_plain_http_is_refused(place: tuple[Step, ...]) -> None:
    value = changed(
        (("registry", "endpoints", 0, "url"), "http://registry.example:5000"),
        (("assetMirror", "url"), "http://artifacts.example"),
        (
            ("imageFactory",),
            {key: item for key, item in _FACTORY.items() if key != "caFile"}
            | {"endpoint": "http://factory.example"},
        ),
        (place, "ca.pem"),
    )

    [fault] = faults_of(value, {"ca.pem": EXAMPLE_CA.encode()})

    assert "plain http" in fault.message
