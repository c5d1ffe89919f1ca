"""What the real cosign signs is verified here, and what is signed here it verifies: peers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from airgap.digest import Digest
from airgap.errors import SignatureError
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.reference import parse_reference
from airgap.signature import Discovery
from airgap.signature.blob import verify_blob
from airgap.signature.keys import PublicKey
from airgap.signature.trust import TrustRoot
from airgap.signature.verification import Known, Verdict, verify_image
from lab.registry import Registry
from lab.registryclient import RegistryClient as Pusher
from lab.sigstore import Keyless, Sigstore
from tests.peers.certificates import Certificates
from tests.peers.cosign import Cosign
from tests.peers.registries import RealRegistry
from tests.practice_images import PracticeImage, make_image
from tests.signature.artifacts import (
    STATEMENT,
    payload_of,
    push_bundle,
    push_keyless,
    statement_of,
)
from tests.signature.conftest import IDENTITY, ISSUER, MOMENT, SIGNER
from tools.peers import Peers

__all__: list[str] = []

pytestmark = pytest.mark.peers

NAME = "siderolabs/pause"
IDENTIFIED = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER)


@pytest.fixture
def cosign(peers: Peers, environment: Mapping[str, str], tmp_path: Path) -> Cosign:
    folder = tmp_path / "cosign"
    folder.mkdir()
    made = Cosign(peers=peers, environment=environment, folder=folder)
    made.generate_keys()
    return made


class Place:
    """A registry with an image: how cosign, our client and the practice client see it."""

    def __init__(self, url: str, authority: Path | None) -> None:
        ca = authority.read_text() if authority else None
        self.client = RegistryClient(RegistryAddress(url=url, ca=ca))
        self.pusher = Pusher(url, ca_file=authority)
        self.image: PracticeImage = make_image("pause")
        self.reference = f"{url.partition('//')[2]}/{NAME}@{self.image.digest}"
        for blob in self.image.blobs:
            self.pusher.put_blob(NAME, blob)
        for raw in (*self.image.children, self.image.index):
            kind = json.loads(raw)["mediaType"]
            digest = make_digest(raw)
            self.pusher.put_manifest(NAME, raw, kind, reference=digest)

    @property
    def digest(self) -> str:
        """The image's."""
        return self.image.digest

    def locate(self, registry_host: str, repository: str) -> tuple[RegistryClient, str]:
        """Be the source of artifacts."""
        del registry_host
        return self.client, repository

    def verdict(self, known: Known, digest: str = "") -> Verdict:
        """Tell who signed the image, or a child of it."""
        subject = Digest.parse(digest or self.digest)
        found = Discovery(self).find(parse_reference(self.reference), [subject])
        return verify_image(self.client, NAME, subject, found, known)

    def close(self) -> None:
        """Close the clients."""
        self.client.close()
        self.pusher.close()


def make_digest(raw: bytes) -> str:
    """Return a manifest's digest."""
    return str(PracticeImage(raw, (), ()).digest)


@pytest.fixture(
    params=["practice", "practice without referrers", "distribution", "docker_registry"]
)
def place(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Place]:
    if request.param.startswith("practice"):
        without = ("",) if request.param.endswith("referrers") else ()
        with Registry(without_referrers=without) as registry:
            made = Place(registry.url, None)
            yield made
            made.close()
        return
    real = request.getfixturevalue(request.param)
    assert isinstance(real, RealRegistry)
    made = Place(real.url, certificates.authority)
    yield made
    made.close()


@pytest.fixture(scope="module")
def sigstore() -> Sigstore:
    return Sigstore()


@pytest.fixture
def evidence(sigstore: Sigstore, tmp_path: Path) -> Evidence:
    return Evidence(sigstore, tmp_path)


class Evidence:
    """The practice Sigstore's trust as cosign takes it: by environment, or as a trust root."""

    def __init__(self, sigstore: Sigstore, folder: Path) -> None:
        pem = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.root = folder / "trusted_root.json"
        self.root.write_text(sigstore.trusted_root())
        files = {
            "SIGSTORE_ROOT_FILE": sigstore.root.public_bytes(Encoding.PEM)
            + sigstore.issuing.public_bytes(Encoding.PEM),
            "SIGSTORE_REKOR_PUBLIC_KEY": sigstore.rekor.key.public_key().public_bytes(*pem),
            "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": sigstore.ct_key.public_key().public_bytes(*pem),
        }
        self.environment: dict[str, str] = {}
        for name, data in files.items():
            (folder / name).write_bytes(data)
            self.environment[name] = str(folder / name)

    @property
    def options(self) -> tuple[str, ...]:
        """The options for bundles."""
        return ("--new-bundle-format", "--trusted-root", str(self.root))


def known_by(cosign: Cosign) -> Known:
    """Return cosign's own key."""
    return Known.from_texts([cosign.key.read_text()], None)


# What cosign signs with a key


@pytest.mark.parametrize("form", [(), ("--new-bundle-format",)], ids=["by tag", "by referrer"])
def test_an_image_that_cosign_signed_is_verified(
    place: Place, cosign: Cosign, form: tuple[str, ...]
) -> None:
    cosign.sign(place.reference, *form)
    signer = PublicKey(cosign.key.read_text()).signer
    assert place.verdict(known_by(cosign)).signers == (signer,)


@pytest.mark.parametrize("form", [(), ("--new-bundle-format",)], ids=["by tag", "by referrer"])
def test_an_image_that_cosign_attested_is_not_signed(
    place: Place, cosign: Cosign, form: tuple[str, ...]
) -> None:
    cosign.attest(place.reference, *form)
    assert place.verdict(known_by(cosign)).signers == ()


def test_everything_that_cosign_attaches_is_found(place: Place, cosign: Cosign) -> None:
    """Of the index, and with `--recursive` of each child."""
    cosign.sign(place.reference, "--recursive")
    cosign.attest(place.reference)
    cosign.attach_sbom(place.reference)
    cosign.sign(place.reference, "--new-bundle-format")
    subjects = [place.digest, *map(make_digest, place.image.children)]
    found = Discovery(place).find(parse_reference(place.reference), map(Digest.parse, subjects))
    by_tag = {item.reference.tag for item in found if (item.reference.tag or "").count(".")}
    signatures = {f"{digest.replace(':', '-')}.sig" for digest in subjects}
    of_index = {f"{place.digest.replace(':', '-')}{suffix}" for suffix in (".att", ".sbom")}
    assert by_tag == signatures | of_index
    bundles = [item for item in found if item.members or item.reference.digest]
    assert len(bundles) == 1
    known = known_by(cosign)
    assert all(place.verdict(known, digest).signers for digest in subjects)


def test_a_signature_moved_to_another_image_is_refused_by_both(
    place: Place, cosign: Cosign
) -> None:
    cosign.sign(place.reference)
    other = make_digest(place.image.children[0])
    tag = place.digest.replace(":", "-") + ".sig"
    signature = place.pusher.manifest(NAME, tag)
    moved = other.replace(":", "-") + ".sig"
    place.pusher.put_manifest(NAME, signature.raw, signature.media_type, reference=moved)
    assert not cosign.accepts_key(place.reference.replace(place.digest, other))
    assert place.verdict(known_by(cosign), other).signers == ()


# What the practice Sigstore certifies


@pytest.mark.parametrize(
    "place", ["practice", "practice without referrers", "distribution"], indirect=True
)
def test_a_keyless_signature_by_tag_is_accepted_by_both(
    place: Place, cosign: Cosign, sigstore: Sigstore, evidence: Evidence
) -> None:
    payload = payload_of(place.digest)
    signed = sigstore.sign(payload, identity=IDENTITY, issuer=ISSUER, moment=MOMENT)
    push_keyless(place.pusher, NAME, place.digest, signed)
    assert cosign.accepts(place.reference, *IDENTIFIED, **evidence.environment)
    known = Known.from_texts([], sigstore.trusted_root())
    assert place.verdict(known).signers == (SIGNER,)


@pytest.mark.parametrize(
    "place", ["practice", "practice without referrers", "distribution"], indirect=True
)
def test_a_keyless_signature_by_referrer_is_accepted_by_both(
    place: Place, cosign: Cosign, sigstore: Sigstore, evidence: Evidence
) -> None:
    statement = statement_of(place.digest)
    signed = sigstore.sign(
        statement, identity=IDENTITY, issuer=ISSUER, moment=MOMENT, payload_type=STATEMENT
    )
    push_bundle(place.pusher, NAME, place.digest, signed.bundle(), fallback=lacks_referrers(place))
    assert cosign.accepts(place.reference, *IDENTIFIED, *evidence.options)
    known = Known.from_texts([], sigstore.trusted_root())
    assert place.verdict(known).signers == (SIGNER,)


def lacks_referrers(place: Place) -> bool:
    """Tell whether a registry has no referrers API."""
    answer = place.pusher.request("GET", f"{NAME}/referrers/{place.digest}")
    return answer.status_code == 404


SUMS = b"0" * 128 + b"  vmlinuz-amd64\n"


def _sign(sigstore: Sigstore, **changes: object) -> Keyless:
    given: dict[str, object] = {"identity": IDENTITY, "issuer": ISSUER, "moment": MOMENT}
    return sigstore.sign(SUMS, **{**given, **changes})  # type: ignore[arg-type]


def _late(sigstore: Sigstore) -> Keyless:
    return _sign(sigstore, logged_at=MOMENT + timedelta(minutes=11))


def _other_promise(sigstore: Sigstore) -> Keyless:
    signed = _sign(sigstore)
    return replace(signed, entry=replace(signed.entry, time=signed.entry.time + 1))


def _other_entry(sigstore: Sigstore) -> Keyless:
    return replace(_sign(sigstore), entry=_sign(sigstore).entry)


def _other_key(sigstore: Sigstore) -> Keyless:
    return replace(_sign(sigstore), signature=_sign(sigstore).signature)


WRONG: dict[str, Callable[[Sigstore], Keyless]] = {
    "signed after the certificate's end": _late,
    "certificate in no log": lambda s: _sign(s, in_certificate_log=False),
    "promise over other words": _other_promise,
    "entry of another signature": _other_entry,
    "signature of another key": _other_key,
    "another identity": lambda s: _sign(s, identity="somebody@example.com"),
    "another issuer": lambda s: _sign(s, issuer="https://other.example.com"),
    "another Sigstore": lambda _: _sign(Sigstore()),
}


@pytest.mark.parametrize("form", ["cosign 2", "sigstore bundle"])
def test_a_file_s_bundle_is_accepted_by_both(
    cosign: Cosign, sigstore: Sigstore, evidence: Evidence, tmp_path: Path, form: str
) -> None:
    signed = _sign(sigstore)
    assert _cosign_accepts(cosign, evidence, signed, form, tmp_path)
    assert _accepts(sigstore, signed, form)


@pytest.mark.parametrize("form", ["cosign 2", "sigstore bundle"])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_cosign_refuses_is_refused(
    cosign: Cosign,
    sigstore: Sigstore,
    evidence: Evidence,
    tmp_path: Path,
    form: str,
    wrong: str,
) -> None:
    signed = WRONG[wrong](sigstore)
    assert not _cosign_accepts(cosign, evidence, signed, form, tmp_path)
    assert not _accepts(sigstore, signed, form)


def _cosign_accepts(
    cosign: Cosign, evidence: Evidence, signed: Keyless, form: str, folder: Path
) -> bool:
    file, bundle = folder / "sha512sum.txt", folder / "sha512sum.txt.bundle"
    file.write_bytes(SUMS)
    if form == "cosign 2":
        bundle.write_bytes(signed.blob_bundle())
        options = (*IDENTIFIED, "--bundle", str(bundle))
        return cosign.accepts_file(file, *options, **evidence.environment)
    bundle.write_bytes(signed.bundle())
    return cosign.accepts_file(file, *IDENTIFIED, "--bundle", str(bundle), *evidence.options)


def _accepts(sigstore: Sigstore, signed: Keyless, form: str) -> bool:
    bundle = signed.blob_bundle() if form == "cosign 2" else signed.bundle()
    try:
        return verify_blob(SUMS, bundle, TrustRoot(sigstore.trusted_root())) == SIGNER
    except SignatureError:
        return False
