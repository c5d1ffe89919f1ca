"""The main job on real input, with real peers on both sides.

A registry that crane and skopeo filled and a release server with a kernel that boots; locked,
fetched, upstream off, brought up; Sidero (the simulated one) takes the Environment's URLs, a
machine boots from it, and boots the next release's smaller initramfs after a second `up`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from airgap.lock import Lock
from lab.sidero import Sidero
from tests.engine.fixtures import engine_directory
from tests.peers.certificates import Certificates
from tests.peers.clients import Client, Crane, Regctl, Skopeo
from tests.peers.machine import SITE_ADDRESS
from tests.peers.processes import free_port
from tests.peers.realistic import RealImage
from tests.peers.site import CA_FILE, RACK, RealSite, Served, open_site
from tests.peers.stage import Stage, bring
from tests.peers.upstream import WORKLOAD, RealUpstream, images_of
from tests.stacks.differences import drift
from tools.peers import Peers

__all__ = ["engine_directory"]

pytestmark = [pytest.mark.peers, pytest.mark.engine]

OLD, NEW = "v1.11.5", "v1.11.6"
DELETED = "registry.k8s.io/pause:3.10"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for gigabytes: not kept."""
    made = tmp_path_factory.mktemp("site")
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def upstream(peers: Peers, certificates: Certificates, folder: Path) -> RealUpstream:
    """A release server with two releases, the newer with the smaller initramfs."""
    made = RealUpstream(peers=peers, certificates=certificates, folder=folder / "upstream")
    made.publish_release(OLD, freight_bytes=3_000_000)
    made.publish_release(NEW, freight_bytes=500_000)
    return made


@pytest.fixture(scope="module")
def published(
    upstream: RealUpstream,
    crane: Crane,
    skopeo: Skopeo,
    small_image: RealImage,
    large_image: RealImage,
) -> Mapping[str, str]:
    """All images of both releases, pushed; what upstream's registry calls each."""
    references = {*images_of(OLD), *images_of(NEW)}
    with upstream.on():
        return upstream.push_images(references, crane, skopeo, small=small_image, large=large_image)


@pytest.fixture(scope="module")
def site(
    peers: Peers, certificates: Certificates, engine_directory: Path, folder: Path
) -> Iterator[RealSite]:
    """The site, with Debian's docker-registry."""
    place = folder / "docker-registry"
    place.mkdir()
    with open_site(peers, "docker-registry", certificates, engine_directory, place) as opened:
        yield opened


@pytest.fixture(scope="module")
def sidero(certificates: Certificates, folder: Path) -> Iterator[Sidero]:
    """One pod for all: machines know it by its sealed address."""
    port = free_port()
    with Sidero(
        folder / "pod", ca_bundle=certificates.authority, port=port, api=f"{SITE_ADDRESS}:{port}"
    ) as manager:
        yield manager
        assert manager.crashes == []


@pytest.fixture(scope="module")
def first(
    site: RealSite,
    upstream: RealUpstream,
    published: Mapping[str, str],
    sidero: Sidero,
    peers: Peers,
) -> Stage:
    """The first release."""
    return bring(OLD, site, upstream, sidero, peers)


@pytest.fixture(scope="module")
def second(
    first: Stage, site: RealSite, upstream: RealUpstream, sidero: Sidero, peers: Peers
) -> Stage:
    """The next one, over the first."""
    return bring(NEW, site, upstream, sidero, peers)


@pytest.fixture(scope="module", params=["first", "second"])
def stage(request: pytest.FixtureRequest) -> Stage:
    """Each of the two."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Stage)
    return found


def _sums(upstream: RealUpstream, release: str) -> dict[str, str]:
    """Return the sums that the release itself publishes, by file."""
    lines = (upstream.release_folder(release) / "sha512sum.txt").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def _pull_all(client: Client, host: str, references: Mapping[str, str]) -> dict[str, str]:
    """Pull each image whole and hash every blob; return the digests."""
    pulled = {}
    for reference in references:
        with tempfile.TemporaryDirectory() as folder:
            pulled[reference] = client.pull(f"{host}/{reference}", Path(folder) / "image")
    return pulled


def _stored(site: RealSite, digest: str) -> Path:
    """Return where distribution keeps a blob on its disk (its filesystem driver's layout)."""
    hexadecimal = digest.removeprefix("sha256:")
    blobs = site.registry.storage / "docker" / "registry" / "v2" / "blobs" / "sha256"
    return blobs / hexadecimal[:2] / hexadecimal / "data"


@contextmanager
def _flipped(path: Path) -> Iterator[None]:
    """Have one bit of a file wrong while the block lasts."""
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    yield
    path.write_bytes(data)


def _locked(lock: Lock) -> dict[str, str]:
    return {reference: pin.digest for reference, pin in lock.images.items()}


# Outside


def test_lock_pins_what_the_registry_tells_crane(
    stage: Stage, published: Mapping[str, str]
) -> None:
    wanted = {reference: published[reference] for reference in images_of(stage.release)}
    assert _locked(stage.lock) == wanted


def test_lock_pins_every_platform_of_the_large_image(first: Stage, large_image: RealImage) -> None:
    pin = first.lock.images[WORKLOAD]
    assert {name: platform.digest for name, platform in pin.platforms.items()} == {
        f"linux/{architecture}": digest for architecture, digest in large_image.platforms.items()
    }
    assert large_image.size_bytes["amd64"] > 300_000_000


def test_lock_pins_the_files_as_the_release_sums_them(stage: Stage, upstream: RealUpstream) -> None:
    sums = _sums(upstream, stage.release)
    assert {name: pin.sha512 for name, pin in stage.lock.assets.items()} == {
        f"{stage.release}/{name}": f"sha512:{digest}" for name, digest in sums.items()
    }


# Inside


def test_sidero_takes_the_environment_from_the_site_alone(
    stage: Stage, site: RealSite, sidero: Sidero, upstream: RealUpstream
) -> None:
    for part in ("kernel", "initrd"):
        assert stage.environment["spec"][part]["url"].startswith(f"{site.mirror}/talos/")
    assert stage.taken == _sums(upstream, stage.release)
    assert sidero.downloads.egress == []


def test_machine_boots_the_release_with_the_environments_arguments(stage: Stage) -> None:
    arguments = stage.environment["spec"]["kernel"]["args"]
    boot = stage.boot
    assert boot.arguments is not None, boot.console
    assert RACK in arguments
    assert boot.arguments.split()[: len(arguments)] == arguments
    assert (boot.release, boot.is_intact) == (stage.release, True), boot.console


def test_second_up_boots_a_smaller_initramfs_intact(first: Stage, second: Stage) -> None:
    old, new = (
        stage.lock.assets[f"{stage.release}/initramfs-amd64.xz"].size for stage in (first, second)
    )
    assert new < old
    assert second.boot.is_intact, second.boot.console


def test_skopeo_reads_every_image_from_the_sites_registry(
    second: Stage, site: RealSite, skopeo: Skopeo
) -> None:
    locked = _locked(second.lock)
    assert _pull_all(skopeo, site.registry.host, locked) == locked


def test_skopeo_reads_every_image_from_a_distribution_v3(
    second: Stage,
    site: RealSite,
    upstream: RealUpstream,
    peers: Peers,
    certificates: Certificates,
    engine_directory: Path,
    folder: Path,
    skopeo: Skopeo,
) -> None:
    place = folder / "distribution"
    place.mkdir()
    with open_site(peers, "registry", certificates, engine_directory, place) as other:
        other.describe(NEW, upstream.redirects(CA_FILE))
        other.take_over(site)
        other.up()
        locked = _locked(second.lock)
        assert _pull_all(skopeo, other.registry.host, locked) == locked


def test_nothing_is_left_to_do_and_nothing_has_drifted(second: Stage, site: RealSite) -> None:
    """By the real servers' own answers: every file is read back, every digest asked for."""
    assert site.workspace.refresh().changes == {}
    assert site.up().changes == {}


def test_verify_hashes_everything_again_and_finds_it_whole(second: Stage, site: RealSite) -> None:
    site.airgap("verify", site.workspace.stack)


def test_verify_finds_a_flipped_bit_inside_the_registry(
    second: Stage, site: RealSite, large_image: RealImage
) -> None:
    layer = large_image.layers["arm64"][0]
    with _flipped(_stored(site, layer)):
        said = site.airgap("verify", site.workspace.stack, "--only", "registry", exit_code=1)
    assert layer in said


def test_refresh_finds_an_image_deleted_from_the_registry_and_up_brings_it_back(
    second: Stage, site: RealSite, crane: Crane
) -> None:
    digest = second.lock.images[DELETED].digest
    name, _, tag = DELETED.rpartition(":")
    crane.run("delete", f"{site.registry.host}/{name}@{digest}")

    found = drift(site.workspace.refresh())

    assert found == {"images-kubernetes": {("images", name): (f"{tag}@{digest}", "missing")}}
    assert site.up().changes == {"update": 1}
    assert crane.digest(f"{site.registry.host}/{DELETED}") == digest


# The store itself, served


@pytest.fixture(scope="module")
def served(second: Stage, site: RealSite) -> Iterator[Served]:
    """The store, once both releases were fetched."""
    with site.serving_store() as serving:
        yield serving


@pytest.fixture(params=["crane", "regctl", "skopeo"])
def client(request: pytest.FixtureRequest) -> Client:
    """Each of the real clients."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Crane | Regctl | Skopeo)
    return found


def test_client_pulls_every_image_of_both_releases_from_the_store(
    client: Client, served: Served, published: Mapping[str, str]
) -> None:
    assert _pull_all(client, served.host, published) == published
    said = served.log.read_text()
    assert len(said.splitlines()) == 1, said  # where it serves: no client is worth a warning
