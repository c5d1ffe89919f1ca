"""What a site generates for its factory, given to the real one where loopback is all there is.

Image Factory v1.0.3 in a network namespace of its own, with the site's registry beside it; its /etc
holds the files that the site writes, at the places where a pod, a compose project or a unit has
them, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from airgap.deployment import check_closed, find_places
from airgap.errors import SiteError
from airgap.factory.seed import seed_schematic
from airgap.plan.deployed import DeployedPlan, plan_deployed
from airgap.signature.private import PrivateKey
from airgap.site.model import Site
from airgap.transfer.destination import RegistryDestination
from airgap.transfer.push import connect
from lab.tls import Authority
from tests.peers.certificates import Certificates
from tests.peers.delivered import files_of_set
from tests.peers.factorycatalogue import RELEASE, VERSIONS, fill_storage
from tests.peers.imagefactory import Offline, SealedRegistry, offline_factory
from tests.peers.processes import ServerError
from tests.peers.registries import serve_registry
from tests.plan.samples import make_lock, make_site
from tools.peers import Peers

pytestmark = pytest.mark.peers

VERSION = "v1.0.3"
NAME = "registry.berlin.example"
SIGNER = PrivateKey.make()
# shared vectors (Image Factory's own golden IDs): iscsi-tools and util-linux-tools
BODY = b"""customization:
    systemExtensions:
        officialExtensions:
            - siderolabs/iscsi-tools
            - siderolabs/util-linux-tools
"""
IDENTITY_BEGINS = "613e1592"
SEEDED = BODY.replace(b"util-linux-tools", b"gvisor").decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Berlin:
    """A registry with what a factory reads, and the authority that vouches for it.

    Attributes:
        seeded: The ID of a schematic that `up` put there before any factory ran.
    """

    registry: SealedRegistry
    authority: str
    seeded: str

    def site(self, **factory: object) -> Site:
        """Return the site that deploys a factory beside it."""
        wish = {"kind": "deployed", "version": VERSION, "endpoint": "https://factory.example"}
        endpoint = {"url": f"https://{NAME}:5000", "ca": self.authority}
        return make_site(
            registry={"kind": "existing", "endpoints": [endpoint]},
            imageFactory={**wish, **factory},
        )


@pytest.fixture(scope="module")
def berlin(
    peers: Peers, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Berlin:
    folder = tmp_path_factory.mktemp("berlin")
    authority = Authority(folder / "ca")
    certificate = authority.issue(NAME)
    read = ("siderolabs/imager", "siderolabs/extensions")
    storage = fill_storage(peers, certificates, folder / "registry", read)
    registry = SealedRegistry(
        name=NAME,
        port=5000,
        storage=storage,
        certificate=certificate.cert_file,
        key=certificate.key_file,
    )
    made = Berlin(registry=registry, authority=authority.ca_file.read_text(), seeded="")
    with serve_registry(peers, "registry", certificates, folder / "registry") as running:
        assert running.storage == storage
        own = RegistryDestination(
            kind="existing", endpoint=running.url, ca=certificates.authority.read_text()
        )
        repository = find_places(made.site()).schematics.path
        with connect(own) as client:
            identity = seed_schematic(client, repository, SEEDED)
    return replace(made, seeded=identity)


def plan_of(site: Site) -> DeployedPlan:
    """Return how the site's factory runs."""
    lock = make_lock(images={f"ghcr.io/siderolabs/image-factory:{VERSION}": "factory"})
    return plan_deployed(site, lock, name="berlin")


def place(written: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files of /etc that `install.sh` makes, the signing key among them."""
    [line] = [
        line.split()
        for line in written["install.sh"].splitlines()
        if line.startswith("install -m 0644 ") and line.endswith("/config/")
    ]
    *names, folder = line[3:]
    files = {f"{folder}{name}": written[name].encode() for name in names}
    return {**files, "/etc/image-factory/keys/cache-signing.key": SIGNER.private_pem()}


def run_offline(
    peers: Peers, berlin: Berlin, folder: Path, site: Site, config: str | None = None
) -> Iterator[Offline]:
    """Run what a site generates, as its compose file says; `config` in place of its own."""
    written = files_of_set(plan_of(site).children[0])
    files = place(written)
    service = yaml.safe_load(written["compose.yaml"])["services"]["image-factory"]
    [option] = [word for word in service["command"] if word.startswith("--config=")]
    own = files[option.removeprefix("--config=")].decode()
    trust = {"SSL_CERT_FILE": service["environment"]["SSL_CERT_FILE"]}
    with offline_factory(
        peers, folder, config or own, files, berlin.registry, environment=trust
    ) as running:
        yield running


@pytest.fixture(scope="module")
def offline(
    peers: Peers, berlin: Berlin, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Offline]:
    """A factory that checks no signatures."""
    yield from run_offline(peers, berlin, tmp_path_factory.mktemp("plain"), berlin.site())


@pytest.fixture(scope="module")
def verifying(
    peers: Peers, berlin: Berlin, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Offline]:
    """A factory that trusts the site's key alone; nothing there is signed by it."""
    site = berlin.site(verification={"publicKey": SIGNER.public_pem})
    yield from run_offline(peers, berlin, tmp_path_factory.mktemp("verifying"), site)


def test_it_starts_offers_releases_and_registers_a_schematic(offline: Offline) -> None:
    assert offline.http.get("/versions").json() == list(VERSIONS)
    answer = offline.http.post("/schematics", content=BODY)
    assert answer.status_code == 201, offline.log.read_text()[-2000:]
    identity = answer.json()["id"]
    assert identity.startswith(IDENTITY_BEGINS)
    assert offline.http.get(f"/schematics/{identity}").content == BODY


def test_what_was_put_into_the_registry_is_known_to_it(offline: Offline, berlin: Berlin) -> None:
    """By its digest: the factory never heard of it."""
    found = offline.http.get(f"/schematics/{berlin.seeded}")
    assert (found.status_code, found.text) == (200, SEEDED)
    assert berlin.seeded == hashlib.sha256(SEEDED.encode()).hexdigest()


def test_it_signs_by_the_key_that_the_site_kept(offline: Offline) -> None:
    assert offline.http.get("/oci/cosign/signing-key.pub").text == SIGNER.public_pem


def test_all_that_it_writes_lies_in_one_namespace_of_the_sites_registry(
    offline: Offline, berlin: Berlin
) -> None:
    identity = offline.http.post("/schematics", content=BODY).json()["id"]
    assert offline.http.get(f"/image/{identity}/{RELEASE}/kernel-amd64").status_code == 200
    repositories = berlin.registry.storage / "docker/registry/v2/repositories"
    assert {path.name for path in repositories.iterdir()} == {"siderolabs", "image-factory"}
    made = {path.name for path in (repositories / "image-factory").iterdir()}
    assert made == {"schematics", "cache"}


def test_it_starts_with_verification_by_the_sites_key_and_no_other_signature_counts(
    verifying: Offline,
) -> None:
    assert verifying.http.get("/versions").json() == list(VERSIONS)
    assert verifying.http.post("/schematics", content=BODY).status_code == 201
    answer = verifying.http.get(f"/version/{RELEASE}/extensions/official")
    assert answer.status_code == 500


def test_what_is_refused_for_calling_home_does_call_home(
    peers: Peers, berlin: Berlin, tmp_path: Path
) -> None:
    """Without its `containerSignature` the same configuration asks Sigstore, and ends."""
    site = berlin.site()
    config = yaml.safe_load(files_of_set(plan_of(site).children[0])["config.yaml"])
    check_closed(config, VERSION, {f"{NAME}:5000", "factory.example"})
    del config["containerSignature"]
    with pytest.raises(SiteError, match="sigstore"):
        check_closed(config, VERSION, {f"{NAME}:5000", "factory.example"})
    with pytest.raises(ServerError, match="failed to get cosign trusted root"):
        next(run_offline(peers, berlin, tmp_path, site, yaml.safe_dump(config)))
