"""The `signatures` section: read with its files, and every fault at once with its path."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from airgap.errors import SiteError
from airgap.rules.signers import key_signer
from airgap.site.load import parse_site
from airgap.site.model import Site
from lab.signing import PUBLIC_KEY
from lab.sigstore import Sigstore
from tests.site.documents import minimal

__all__: list[str] = []

ROOT = Sigstore().trusted_root()
WHO = {"issuer": "https://accounts.google.com", "identity": "releases@example.com"}
PRIVATE = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
FILES = {"certs/cosign.pub": PUBLIC_KEY, "certs/trusted_root.json": ROOT, "cosign.key": PRIVATE}


def parse(section: Mapping[str, object], files: Mapping[str, str] = FILES) -> Site:
    """Parse a site with this section and these files beside it."""

    def read(path: str) -> bytes:
        if path not in files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return files[path].encode()

    return parse_site(minimal() | {"signatures": section}, name="berlin", read=read)


def faults_of(section: Mapping[str, object], files: Mapping[str, str] = FILES) -> list[str]:
    """Return the faults of a section, as `path: message`."""
    with pytest.raises(SiteError) as caught:
        parse(section, files)
    return [f"{fault.path}: {fault.message}" for fault in caught.value.faults]


def test_everything_is_collected_and_nothing_required_by_default() -> None:
    section = parse({}).signatures
    assert section.collect
    assert section.rules() == ()
    assert section.release_rule() is None


def test_keys_and_trust_root_are_read_from_their_files() -> None:
    section = parse(
        {
            "trustRoot": {"file": "certs/trusted_root.json"},
            "require": [
                {"images": "registry.example/**", "key": "certs/cosign.pub"},
                {"images": "ghcr.io/siderolabs/**", "keyless": WHO},
            ],
            "releases": WHO,
        }
    ).signatures
    by_key, keyless = section.rules()
    assert by_key.key == key_signer(PUBLIC_KEY)
    assert (keyless.issuer, keyless.identity) == (WHO["issuer"], WHO["identity"])
    assert list(section.keys()) == [PUBLIC_KEY]
    assert section.trust_root is not None
    assert section.trust_root.content == ROOT


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ({"images": "ghcr.io/**"}, ": found no signer"),
        (
            {"images": "ghcr.io/**", "key": "certs/cosign.pub", "keyless": WHO},
            ": found key and keyless",
        ),
        (
            {"images": "ghcr.io/a:v1", "key": "certs/cosign.pub"},
            "",
        ),
        (
            {"images": "kubelet", "key": "certs/cosign.pub"},
            ".images: 'kubelet' is no pattern over registry/repository",
        ),
        (
            {"images": "ghcr.io/**", "key": "certs/none.pub"},
            ".key: 'certs/none.pub' cannot be read: No such file or directory",
        ),
        (
            {"images": "ghcr.io/**", "key": "certs/trusted_root.json"},
            ".key: no public key in PEM",
        ),
        ({"images": "ghcr.io/**", "keyPem": PRIVATE}, ".keyPem: found a private key"),
        ({"images": "ghcr.io/**", "key": "cosign.key"}, ".key: holds a private key"),
        (
            {"images": "ghcr.io/**", "key": "certs/cosign.pub", "keyPem": PUBLIC_KEY},
            ".key: given besides keyPem",
        ),
        (
            {"images": "ghcr.io/**", "keyless": {"issuer": WHO["issuer"]}},
            ".keyless: found neither: whose signature counts is not said",
        ),
        (
            {"images": "ghcr.io/**", "keyless": WHO | {"identityPattern": "@example"}},
            ".keyless: found both: whose signature counts is not said",
        ),
    ],
)
def test_a_requirement_that_names_no_one_signer_is_a_fault(
    item: Mapping[str, object], fault: str
) -> None:
    section = {"require": [item], "trustRoot": {"file": "certs/trusted_root.json"}}
    if not fault:
        assert faults_of(section)[0].startswith("site.signatures.require[0].images: ")
        return
    assert faults_of(section) == [f"site.signatures.require[0]{fault}"]


def test_a_pattern_that_is_none_is_a_fault() -> None:
    who = {"issuer": WHO["issuer"], "identityPattern": "(@example"}
    (fault,) = faults_of({"releases": who, "trustRoot": {"content": ROOT}})
    assert fault.startswith("site.signatures.releases.identityPattern: no regular expression")


@pytest.mark.parametrize(
    "section", [{"releases": WHO}, {"require": [{"images": "**", "keyless": WHO}]}]
)
def test_keyless_without_a_trust_root_is_a_fault(section: Mapping[str, object]) -> None:
    assert faults_of(section) == [
        "site.signatures.trustRoot: not given, and without it no keyless signature can be verified"
    ]


@pytest.mark.parametrize(
    ("root", "fault"),
    [
        ({"file": "none.json"}, ".file: 'none.json' cannot be read: No such file or directory"),
        ({"file": "certs/cosign.pub"}, ".file: no trust root"),
        ({"content": json.dumps({"mediaType": "application/json"})}, ".content: no trust root"),
        ({}, ": names one of file and content"),
        ({"file": "certs/trusted_root.json", "content": ROOT}, ": names one of file and content"),
    ],
)
def test_a_trust_root_that_is_none_is_a_fault(root: Mapping[str, object], fault: str) -> None:
    assert faults_of({"trustRoot": root}) == [f"site.signatures.trustRoot{fault}"]
