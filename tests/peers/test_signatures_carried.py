"""Signatures survive the gap: signed by cosign upstream, accepted by cosign at the site's registry.

From registries with and without a referrers API to registries with and without one, of the index
and of each child, in cosign's older and newer form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from airgap.lock import Lock
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.resolve.references import pin_references
from airgap.serve import Server
from airgap.site.model import Requirement, Signatures
from airgap.store import Store
from airgap.transfer.destination import RegistryDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger
from airgap.transfer.push import connect, push_images
from airgap.transfer.wanted import images_of
from lab.registry import Registry
from lab.sigstore import Sigstore
from tests.peers.certificates import Certificates
from tests.peers.cosign import Cosign
from tests.peers.registries import RealRegistry
from tests.peers.test_signatures import Evidence
from tests.practice_images import PracticeImage, digest_of, make_image
from tools.peers import Peers

__all__: list[str] = []

pytestmark = pytest.mark.peers

IMAGE = "ghcr.io/siderolabs/pause:3.10"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Redirect:
    url: str
    ca: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A signed image that was locked and fetched."""

    image: PracticeImage
    lock: Lock
    store: Store
    cosign: Cosign
    roots: tuple[str, ...]

    def references(self, host: str) -> list[str]:
        """Return index and children as they are called at the site's registry."""
        digests = [self.image.digest, *map(digest_of, self.image.children)]
        return [f"{host}/ghcr.io/siderolabs/pause@{digest}" for digest in digests]

    def check(self, host: str) -> None:
        """Have cosign verify index and children, in both forms."""
        for reference in self.references(host):
            assert self.cosign.accepts_key(reference)
            by_key = ("--key", str(self.cosign.key), "--insecure-ignore-tlog")
            assert self.cosign.accepts(reference, *by_key, *self.roots)


@pytest.fixture(scope="module", params=["referrers API", "no referrers API"])
def carried(
    request: pytest.FixtureRequest,
    peers: Peers,
    environment: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Carried:
    folder = tmp_path_factory.mktemp("cosign")
    cosign = Cosign(peers=peers, environment=environment, folder=folder)
    cosign.generate_keys()
    image = make_image("pause")
    without = () if request.param == "referrers API" else ("",)
    with Registry(without_referrers=without) as upstream:
        image.put(upstream.content, "ghcr.io/siderolabs/pause", "3.10")
        for digest in (image.digest, *map(digest_of, image.children)):
            reference = f"{upstream.host}/ghcr.io/siderolabs/pause@{digest}"
            cosign.sign(reference)
            cosign.sign(reference, "--new-bundle-format")
            cosign.attest(reference)
        lock, store = _bring(upstream, cosign.key.read_text(), folder / "store")
    root = Evidence(Sigstore(), folder).options  # cosign wants one; the key does not need it
    return Carried(image=image, lock=lock, store=store, cosign=cosign, roots=root)


def _bring(upstream: Registry, key: str, folder: Path) -> tuple[Lock, Store]:
    """Lock and fetch the image, which must be signed with a key."""
    redirects = {"ghcr.io": _Redirect(url=f"{upstream.url}/ghcr.io")}
    require = (Requirement(images="ghcr.io/siderolabs/*", key_pem=key),)
    store = Store.open(folder, create=True)
    with Registries(redirects) as registries, Origins() as origins:
        lock = pin_references(
            [IMAGE], registries=registries, signatures=Signatures(require=require)
        )
        fetch_site(lock, registries=registries, releases=origins, store=store)
    return lock, store


@pytest.mark.parametrize("program", ["distribution", "docker_registry"])
def test_cosign_accepts_what_arrived_at_a_registry(
    request: pytest.FixtureRequest,
    carried: Carried,
    program: str,
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    """distribution v3 has a referrers API, Debian's docker-registry 2.8 has none."""
    destination = request.getfixturevalue(program)
    assert isinstance(destination, RealRegistry)
    place = RegistryDestination(
        kind="existing", endpoint=destination.url, ca=certificates.authority.read_text()
    )
    items, ledger = images_of([carried.lock]), Ledger(tmp_path / "ledger", place.identity)
    with connect(place) as registry:
        first = push_images(carried.store, registry, place, "all", items, ledger)
        second = push_images(carried.store, registry, place, "all", items, ledger)
    assert (first.pushed, second.pushed) == (len(items), 0)
    carried.check(destination.host)


def test_cosign_accepts_what_is_served_from_the_store(
    carried: Carried, certificates: Certificates
) -> None:
    tls = (certificates.chain, certificates.key)
    with Server(carried.store, "127.0.0.1", 0, tls=tls) as server:
        carried.check(server.url.removeprefix("https://"))
