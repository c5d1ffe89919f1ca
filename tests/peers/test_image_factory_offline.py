"""The real Image Factory v1.0.3 where loopback is all there is: what it needs, and what calls home.

A network namespace with a distribution v3 in it, under a name, over TLS by a private authority; the
machine's /etc, with the authorities it trusts, is not there either.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from lab.tls import Authority
from tests.peers.certificates import Certificates
from tests.peers.factorycatalogue import RELEASE, VERSIONS, fill_storage, imager_file
from tests.peers.imagefactory import (
    Offline,
    SealedRegistry,
    factory_configuration,
    make_signing_key,
    offline_factory,
    public_key_of,
)
from tests.peers.processes import ServerError, bare_environment
from tests.peers.sealed import SealedProgram, await_end, sealed
from tools.peers import Peers

pytestmark = pytest.mark.peers

_NAME = "registry.berlin.example"
_HOST = f"{_NAME}:5000"
_KEY = "/etc/image-factory/keys/cache-signing.key"
_PUBLIC_KEY = "/etc/image-factory/cosign.pub"
_AUTHORITY = "/etc/image-factory/ca.pem"
_EMPTY_ID = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
_REPOSITORIES = ("siderolabs/imager", "siderolabs/extensions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is there before the factory: the registry, and the authority that vouches for it."""

    registry: SealedRegistry
    authority: bytes
    signing_key: bytes

    @property
    def files(self) -> dict[str, bytes]:
        """The files that a configuration names."""
        return {
            _KEY: self.signing_key,
            _PUBLIC_KEY: public_key_of(self.signing_key).encode(),
            _AUTHORITY: self.authority,
        }


@pytest.fixture(scope="module")
def site(
    peers: Peers, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Site:
    """A registry's storage with an imager and a catalogue, and its certificate."""
    folder = tmp_path_factory.mktemp("site")
    authority = Authority(folder / "ca")
    certificate = authority.issue(_NAME)
    registry = SealedRegistry(
        name=_NAME,
        port=5000,
        storage=fill_storage(peers, certificates, folder / "registry", _REPOSITORIES),
        certificate=certificate.cert_file,
        key=certificate.key_file,
    )
    return Site(
        registry=registry,
        authority=authority.ca_file.read_bytes(),
        signing_key=make_signing_key(),
    )


def _configure(**signature: object) -> str:
    """Write a configuration with these settings of `containerSignature`."""
    text = factory_configuration(
        _HOST, signing_key=_KEY, address=":8080", external_url="http://factory.example:8080"
    )
    return yaml.safe_dump({**yaml.safe_load(text), "containerSignature": signature})


@pytest.fixture(scope="module")
def offline(
    site: Site, peers: Peers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Offline]:
    """A factory without verification, in there."""
    folder = tmp_path_factory.mktemp("sealed")
    trust = {"SSL_CERT_FILE": _AUTHORITY}
    config = _configure(disabled=True)
    with offline_factory(
        peers, folder, config, site.files, site.registry, environment=trust
    ) as started:
        yield started


def test_it_offers_versions_lists_extensions_and_registers_schematics(offline: Offline) -> None:
    assert offline.http.get("/versions").json() == list(VERSIONS)
    listed = offline.http.get(f"/version/{RELEASE}/extensions/official").json()
    assert "siderolabs/gvisor" in {each["name"] for each in listed}
    answer = offline.http.post("/schematics", content=b"{}")
    assert (answer.status_code, answer.json()) == (201, {"id": _EMPTY_ID})
    kernel = offline.http.get(f"/image/{_EMPTY_ID}/{RELEASE}/kernel-arm64")
    assert kernel.content == imager_file("arm64", "vmlinuz")


def test_verification_by_key_alone_starts(site: Site, peers: Peers, tmp_path: Path) -> None:
    """And refuses, with a bare 500, an image that the key has not signed."""
    config = _configure(publicKeyFile=_PUBLIC_KEY, subjectRegExp="")
    trust = {"SSL_CERT_FILE": _AUTHORITY}
    with offline_factory(
        peers, tmp_path, config, site.files, site.registry, environment=trust
    ) as offline:
        assert offline.http.get("/versions").status_code == 200
        answer = offline.http.get(f"/version/{RELEASE}/extensions/official")
        assert (answer.status_code, answer.text) == (500, "internal server error\n")
        assert "failed to verify image signature" in offline.log.read_text()


@pytest.mark.parametrize(
    "signature", [{}, {"publicKeyFile": _PUBLIC_KEY}], ids=["keyless", "key and default subject"]
)
def test_what_calls_home_does_not_start(
    signature: dict[str, object], site: Site, peers: Peers, tmp_path: Path
) -> None:
    """The default subject of keyless verification is not empty: it wants Sigstore's trust root."""
    with (
        pytest.raises(ServerError, match="failed to get cosign trusted root"),
        offline_factory(
            peers,
            tmp_path,
            _configure(**signature),
            site.files,
            site.registry,
            environment={"SSL_CERT_FILE": _AUTHORITY},
        ),
    ):
        pass


def test_without_the_authority_the_registry_is_not_trusted(
    site: Site, peers: Peers, tmp_path: Path
) -> None:
    config = _configure(disabled=True)
    with offline_factory(peers, tmp_path, config, site.files, site.registry) as offline:
        assert offline.http.get("/healthz").status_code == 200
        assert offline.http.get("/versions").status_code == 500
        assert "certificate signed by unknown authority" in offline.log.read_text()


def test_there_is_no_way_out(tmp_path: Path) -> None:
    """What the others rely on: nothing is routed, no name is known, /etc is the test's."""
    look = (
        "import errno, os, socket\n"
        "there = socket.socket().connect_ex(('192.0.2.1', 443))\n"  # RFC 5737: nobody's
        "print(errno.errorcode[there], socket.gethostbyname('one.example'), os.listdir('/etc'))"
    )
    program = SealedProgram(
        command=[sys.executable, "-c", look], environment=bare_environment(), log=tmp_path / "log"
    )
    with sealed([program], etc={"hosts": b"127.0.0.1 one.example\n"}, relays={}):
        await_end(program)
    assert program.log.read_text() == "ENETUNREACH 127.0.0.1 ['hosts']\n"
