"""What the site signs is what the real cosign signs, and what the real Image Factory trusts.

A practice upstream, locked and signed with a key of the site's own; then two registries' worth of
places in one real registry: under upstream's names, and where the factory looks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from airgap.digest import Digest
from airgap.lock import Lock, factory_artifacts, factory_signatures
from airgap.net import RetryPolicy
from airgap.resolve import resolve_site
from airgap.resolve.signing import sign_site
from airgap.signature.own import compose
from airgap.signature.private import PrivateKey
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.destination import RegistryDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger
from airgap.transfer.push import connect, push_images
from airgap.transfer.sources import open_upstream
from airgap.transfer.wanted import images_of
from lab.registry import Registry
from lab.upstream import NEXT_RELEASE, RELEASE, Upstream
from tests.peers.certificates import Certificates
from tests.peers.cosign import Cosign
from tests.peers.imagefactory import (
    SealedRegistry,
    factory_configuration,
    make_signing_key,
    offline_factory,
)
from tests.peers.registries import RealRegistry, serve_registry
from tests.practice_images import make_image
from tools.peers import Peers

__all__: list[str] = []

pytestmark = pytest.mark.peers

KEY = PrivateKey.make()
IMAGER = f"ghcr.io/siderolabs/imager:{RELEASE}"
PUBLIC = "/etc/image-factory/cosign.pub"
SIGNING = "/etc/image-factory/signing.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A release that the site signed, and another one that it did not, in one store.

    Attributes:
        cosign: Has a key of its own, with which the imager was signed upstream.
    """

    lock: Lock
    unsigned: Lock
    store: Store
    cosign: Cosign

    @property
    def both(self) -> Lock:
        """Both releases; what they share (an extension) is signed."""
        return self.lock.model_copy(update={"images": self.unsigned.images | self.lock.images})


@pytest.fixture(scope="module")
def signed(
    peers: Peers, environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Signed:
    folder = tmp_path_factory.mktemp("signed")
    store = Store.open(folder / "store", create=True)
    releases = (RELEASE, NEXT_RELEASE)
    with Upstream(folder / "upstream", small=True, releases=releases) as upstream:
        cosign = _cosign(peers, environment, folder / "cosign", also_trusts=upstream.ca_file)
        image = upstream.registry.content.find(*IMAGER.rsplit(":", 1))
        assert image is not None
        host = upstream.outside.url.removeprefix("https://")
        cosign.sign(f"{host}/ghcr.io/siderolabs/imager@{image.digest}")
        first, second = (_brought(upstream, store, release) for release in releases)
    lock = sign_site(first, store, KEY).lock
    return Signed(lock=lock, unsigned=second, store=store, cosign=cosign)


def _cosign(
    peers: Peers, environment: Mapping[str, str], folder: Path, *, also_trusts: Path
) -> Cosign:
    folder.mkdir()
    trusted = folder / "ca.pem"
    trusted.write_text(Path(environment["SSL_CERT_FILE"]).read_text() + also_trusts.read_text())
    cosign = Cosign(
        peers=peers, environment={**environment, "SSL_CERT_FILE": str(trusted)}, folder=folder
    )
    cosign.generate_keys()
    return cosign


def _brought(upstream: Upstream, store: Store, release: str) -> Lock:
    """Lock what a factory reads of a release, and fetch it."""
    site = _site(upstream, release)
    patience = RetryPolicy(attempts=2, sleep=lambda _: None)
    with open_upstream(site, retry=patience) as (registries, releases):
        lock = resolve_site(site, registries=registries, releases=releases).lock
        carried = {**factory_artifacts(lock), **factory_signatures(lock)}
        lock = lock.model_copy(update={"images": dict(sorted(carried.items())), "assets": {}})
        fetch_site(lock, registries=registries, releases=releases, store=store)
    return lock


def _site(upstream: Upstream, release: str) -> Site:
    ca = upstream.ca_file.read_text()
    redirects = {host: {"url": url, "ca": ca} for host, url in upstream.registry_redirects.items()}
    return Site.model_validate(
        {
            "schemaVersion": 1,
            "talos": {"versions": [release]},
            "registry": {"kind": "existing", "endpoints": [{"url": "https://r.example:5000"}]},
            "assetMirror": {"kind": "embedded", "url": "https://a.example"},
            "imageFactory": {
                "kind": "existing",
                "version": "v1.0.3",
                "endpoint": "https://factory.example",
                "registry": "r.example:5000",
            },
            "sidero": {"version": "v0.6.13"},
            "environments": [{"name": "metal", "talos": release}],
            "serverClasses": [
                {
                    "name": "storage",
                    "environment": "metal",
                    "extensions": ["siderolabs/iscsi-tools"],
                }
            ],
            "upstream": {
                "registries": redirects,
                "releases": {"url": upstream.releases_url, "ca": ca},
            },
        }
    )


@pytest.fixture(scope="module")
def filled(
    signed: Signed,
    peers: Peers,
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RealRegistry]:
    """A distribution v3 with both releases, at both places."""
    folder = tmp_path_factory.mktemp("filled")
    with serve_registry(peers, "registry", certificates, folder) as registry:
        for layout in ("prefix", "flat"):
            place = RegistryDestination(
                kind="existing",
                endpoint=registry.url,
                layout="flat" if layout == "flat" else "prefix",
                ca=certificates.authority.read_text(),
            )
            items = images_of([signed.both])
            with connect(place) as client:
                push_images(
                    signed.store,
                    client,
                    place,
                    "all",
                    items,
                    Ledger(folder / layout, place.identity),
                )
        yield registry


# cosign


def _accepts(signed: Signed, reference: str, public: Path) -> bool:
    by_key = ("--key", str(public), "--insecure-ignore-tlog")
    return signed.cosign.accepts(reference, *by_key)


def test_cosign_accepts_by_the_site_s_key_at_both_places(
    signed: Signed, filled: RealRegistry, tmp_path: Path
) -> None:
    public, other = tmp_path / "site.pub", tmp_path / "other.pub"
    public.write_text(KEY.public_pem)
    other.write_text(PrivateKey.make().public_pem)
    artifacts = factory_artifacts(signed.lock)
    assert len(artifacts) == 5  # imager, installer-base, two catalogues, one extension
    for key, pin in artifacts.items():
        name = key.rpartition(":")[0]
        for place in (name, name.removeprefix("ghcr.io/")):
            assert _accepts(signed, f"{filled.host}/{place}@{pin.digest}", public), place
    imager = f"{filled.host}/siderolabs/imager"
    assert not _accepts(signed, f"{imager}@{artifacts[IMAGER].digest}", other)
    (theirs,) = (
        pin.digest for key, pin in factory_artifacts(signed.unsigned).items() if "/imager:" in key
    )
    assert not _accepts(signed, f"{imager}@{theirs}", public)


def test_what_cosign_signed_upstream_stays_signed(signed: Signed, filled: RealRegistry) -> None:
    """Behind the practice upstream's signature cosign put its own, and the site its behind both."""
    digest = signed.lock.images[IMAGER].digest
    tag = digest.replace(":", "-")
    pin = signed.lock.images[f"ghcr.io/siderolabs/imager:{tag}.sig"]
    manifest = json.loads(signed.store.read(Digest.parse(pin.digest)))
    assert len(manifest["layers"]) == 3
    for place in ("ghcr.io/siderolabs", "siderolabs"):
        assert signed.cosign.accepts_key(f"{filled.host}/{place}/imager@{digest}")


def test_cosign_writes_the_same_bytes_with_the_same_key(signed: Signed, tmp_path: Path) -> None:
    """But for the signature: Go's ECDSA is not deterministic."""
    name, image = "ghcr.io/siderolabs/pause", make_image("pause")
    (tmp_path / "site.key").write_bytes(KEY.private_pem())
    cosign = Cosign(
        peers=signed.cosign.peers, environment=signed.cosign.environment, folder=tmp_path
    )
    cosign.run("import-key-pair", "--key", "site.key", "--output-key-prefix", "cosign")
    with Registry() as registry:
        image.put(registry.content, "pause", "3.10")
        cosign.sign(f"{registry.host}/pause@{image.digest}", "--sign-container-identity", name)
        theirs = registry.content.find("pause", f"{image.digest.replace(':', '-')}.sig")
    assert theirs is not None
    (layer,) = json.loads(theirs.raw)["layers"]
    signature = layer["annotations"]["dev.cosignproject.cosign/signature"]
    ours = compose(name, Digest.parse(image.digest), signature)
    assert ours.manifest.raw == theirs.raw


# The Image Factory


@dataclass(frozen=True, slots=True, kw_only=True)
class _Factory:
    http: httpx.Client
    log: Path


@pytest.fixture(scope="module")
def factory(
    filled: RealRegistry, peers: Peers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Factory]:
    """A factory that verifies by the site's key, where there is no network but its registry."""
    folder = tmp_path_factory.mktemp("factory")
    registry = SealedRegistry(name="localhost", port=5000, storage=filled.storage)
    text = factory_configuration(
        "localhost:5000",
        signing_key=SIGNING,
        address="127.0.0.1:8080",
        external_url="http://factory.example:8080",
    )
    document = yaml.safe_load(text)
    document["containerSignature"] = {"publicKeyFile": PUBLIC, "subjectRegExp": ""}
    files = {PUBLIC: KEY.public_pem.encode(), SIGNING: make_signing_key()}
    with ExitStack() as stack:
        running = stack.enter_context(
            offline_factory(peers, folder, yaml.safe_dump(document), files, registry)
        )
        yield _Factory(http=running.http, log=running.log)


def test_a_factory_without_network_reads_what_the_site_signed(
    signed: Signed, factory: _Factory
) -> None:
    assert factory.http.get("/versions").json() == [RELEASE, NEXT_RELEASE]
    listed = factory.http.get(f"/version/{RELEASE}/extensions/official")
    assert listed.status_code == 200, factory.log.read_text()[-2000:]
    (digest,) = (
        each["digest"] for each in listed.json() if each["name"] == "siderolabs/iscsi-tools"
    )
    assert digest in {pin.digest for pin in factory_artifacts(signed.lock).values()}
    assert factory.http.get(f"/version/{RELEASE}/overlays/official").status_code == 200


def test_a_factory_refuses_what_the_site_did_not_sign(signed: Signed, factory: _Factory) -> None:
    """It was signed, and with another key: the practice upstream's."""
    theirs = signed.unsigned.images[f"ghcr.io/siderolabs/extensions:{NEXT_RELEASE}"].digest
    assert theirs not in {pin.digest for pin in factory_artifacts(signed.lock).values()}
    refused = factory.http.get(f"/version/{NEXT_RELEASE}/extensions/official")
    assert (refused.status_code, refused.text) == (500, "internal server error\n")
    image = f"localhost:5000/siderolabs/extensions@{theirs}"
    _await_line(factory.log, f"failed to verify image signature for {image}")


def _await_line(log: Path, text: str) -> None:
    """Wait for what a program says; its answer may come before."""
    deadline = time.monotonic() + 60
    while text not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.05)
