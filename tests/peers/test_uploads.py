"""Uploads cut at random places, to real registries: what was kept is not sent again."""

import http.client
import random
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from airgap.errors import IntegrityError, RegistryError
from airgap.net import Body, RetryPolicy, Traffic
from airgap.oci.client import RegistryAddress, RegistryClient
from tests.oci.uploading import MIB, Data, Memory, Remembered, Streamed, make_data
from tests.peers.certificates import Certificates
from tests.peers.line import Line
from tests.peers.processes import free_port
from tests.peers.registries import RealRegistry, RegistryProgram, serve_registry
from tools.peers import Peers

pytestmark = pytest.mark.peers

REPOSITORY = "site/app"
SIZE = 48 * MIB
ONCE = RetryPolicy(attempts=1)
PATIENT = RetryPolicy(first_wait_s=0.05)
_SEED = 20_261_123


@pytest.fixture(scope="module")
def data() -> Data:
    return make_data(SIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A real registry behind a line that can be cut."""

    registry: RealRegistry
    line: Line
    authority: str

    @contextmanager
    def client(self, retry: RetryPolicy) -> Iterator[tuple[RegistryClient, Traffic]]:
        address = RegistryAddress(url=f"https://127.0.0.1:{self.line.port}", ca=self.authority)
        traffic = Traffic()
        with RegistryClient(address, retry=retry, traffic=traffic) as client:
            yield client, traffic

    def ask(self, method: str, url: str) -> tuple[int, dict[str, str]]:
        """Ask with nothing of ours between."""
        parts = urlsplit(url)
        tls = ssl.create_default_context(cadata=self.authority)
        connection = http.client.HTTPSConnection("127.0.0.1", self.line.port, context=tls)
        try:
            connection.request(method, f"{parts.path}?{parts.query}")
            answer = connection.getresponse()
            answer.read()
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}
        finally:
            connection.close()

    def kept_bytes(self, location: str) -> int:
        """Return what the registry says it has of an upload, when it has read all that came."""
        assert self.line.is_over.wait(60)
        status, headers = self.ask("GET", location)
        assert status == 204
        return int(headers["range"].removeprefix("0-")) + 1

    def holds(self, data: Data) -> bool:
        status, headers = self.ask("HEAD", f"/v2/{REPOSITORY}/blobs/{data.digest}")
        return status == 200 and headers["content-length"] == str(len(data.content))

    def is_whole(self, data: Data) -> bool:
        """Read the blob from the registry's own storage."""
        kept = self.registry.storage / "docker/registry/v2/blobs/sha256"
        hexadecimal = data.digest.removeprefix("sha256:")
        blob = kept / hexadecimal[:2] / hexadecimal / "data"
        return self.holds(data) and blob.read_bytes() == data.content


class Cutting(Memory):
    """A source whose second body is cut too."""

    def __init__(self, content: bytes, line: Line, after: int) -> None:
        super().__init__(content)
        self._line = line
        self._after = after

    @contextmanager
    def body(self, offset: int) -> Iterator[Body]:
        if len(self.asked) == 1:
            self._line.cut_after = self._line.sent_bytes + (self._after - offset)
        with super().body(offset) as body:
            yield body


@contextmanager
def serve_site(
    peers: Peers, program: RegistryProgram, certificates: Certificates, folder: Path
) -> Iterator[Site]:
    with serve_registry(peers, program, certificates, folder) as registry:
        port = int(registry.host.rpartition(":")[2])
        with Line(port) as line:
            authority = certificates.authority.read_text()
            yield Site(registry=registry, line=line, authority=authority)


@pytest.fixture
def distribution_site(peers: Peers, certificates: Certificates, tmp_path: Path) -> Iterator[Site]:
    with serve_site(peers, "registry", certificates, tmp_path / "distribution") as site:
        yield site


@pytest.fixture
def docker_site(peers: Peers, certificates: Certificates, tmp_path: Path) -> Iterator[Site]:
    with serve_site(peers, "docker-registry", certificates, tmp_path / "docker") as site:
        yield site


@pytest.fixture(params=["distribution_site", "docker_site"])
def site(request: pytest.FixtureRequest) -> Site:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Site)
    return found


def cut_one_run(site: Site, data: Data, sessions: Remembered, after: int) -> str:
    """Run an upload that is cut; return where it goes on."""
    site.line.cut_after = site.line.sent_bytes + after
    with site.client(ONCE) as (client, _), pytest.raises(RegistryError) as caught:
        client.upload_blob(REPOSITORY, data.descriptor, Memory(data.content), sessions=sessions)
    assert caught.value.retryable
    return sessions.kept[REPOSITORY, data.digest]


def finish(site: Site, data: Data, sessions: Remembered) -> int:
    """Run the upload again; return how many bytes of bodies went."""
    with site.client(PATIENT) as (client, traffic):
        source = Memory(data.content)
        client.upload_blob(REPOSITORY, data.descriptor, source, sessions=sessions)
        return traffic.counts.sent_bytes


def cuts(count: int) -> list[int]:
    chance = random.Random(_SEED)  # noqa: S311 (test data)
    return [chance.randrange(MIB, SIZE - MIB) for _ in range(count)]


@pytest.mark.parametrize("after", cuts(6))
def test_distribution_is_sent_only_what_it_misses(
    distribution_site: Site, data: Data, after: int
) -> None:
    sessions = Remembered()
    kept = distribution_site.kept_bytes(cut_one_run(distribution_site, data, sessions, after))
    # All that went over the line is there, but for TLS records cut in their middle.
    assert after - MIB < kept <= after

    sent = finish(distribution_site, data, sessions)

    assert sent == SIZE - kept + 2  # two bytes find out what a Range means
    assert distribution_site.is_whole(data)
    assert sessions.kept == {}


def test_distribution_goes_on_after_its_own_restart(
    peers: Peers, certificates: Certificates, data: Data, tmp_path: Path
) -> None:
    folder, port = tmp_path / "distribution", free_port()
    authority = certificates.authority.read_text()
    sessions = Remembered()
    with Line(port) as line:
        with serve_registry(peers, "registry", certificates, folder, port) as registry:
            site = Site(registry=registry, line=line, authority=authority)
            kept = site.kept_bytes(cut_one_run(site, data, sessions, 31 * MIB))
        with serve_registry(peers, "registry", certificates, folder, port):
            sent = finish(site, data, sessions)
            assert site.is_whole(data)
    assert sent == SIZE - kept + 2


@pytest.mark.parametrize("after", cuts(3))
def test_docker_registry_keeps_nothing_of_a_cut_body_and_gets_all_of_it(
    docker_site: Site, data: Data, after: int
) -> None:
    sessions = Remembered()
    location = cut_one_run(docker_site, data, sessions, after)
    assert docker_site.line.is_over.wait(60)
    assert docker_site.ask("GET", location)[0] == 404

    assert finish(docker_site, data, sessions) == SIZE
    assert docker_site.is_whole(data)
    assert sessions.kept == {}


def test_cuts_within_one_run_are_got_over(site: Site, data: Data) -> None:
    first, second = sorted(cuts(2))
    site.line.cut_after = site.line.sent_bytes + first
    with site.client(PATIENT) as (client, _):
        client.upload_blob(REPOSITORY, data.descriptor, Cutting(data.content, site.line, second))
    assert site.is_whole(data)


def test_a_wrong_source_never_becomes_visible(site: Site, data: Data) -> None:
    sessions = Remembered()
    wrong = Streamed(data.content[:-1] + b"?", data.descriptor.digest)
    with site.client(PATIENT) as (client, _), pytest.raises(IntegrityError, match="the source is"):
        client.upload_blob(REPOSITORY, data.descriptor, wrong, sessions=sessions)
    assert not site.holds(data)
    assert sessions.kept == {}
    if site.registry.program == "registry":  # 2.8 lets nobody cancel an upload that was cut
        assert not list(site.registry.storage.rglob("_uploads/*/data"))


def test_damaged_bytes_are_refused_by_the_registry(site: Site, data: Data) -> None:
    damaged = Memory(b"?" + data.content[1:])
    with site.client(PATIENT) as (client, _), pytest.raises(IntegrityError, match="other bytes"):
        client.upload_blob(REPOSITORY, data.descriptor, damaged)
    assert not site.holds(data)
    assert damaged.asked == [0]


def test_a_mount_moves_nothing(site: Site, data: Data) -> None:
    with site.client(PATIENT) as (client, traffic):
        client.upload_blob("site/other", data.descriptor, Memory(data.content))
        before = traffic.counts.sent_bytes
        way = client.upload_blob(
            REPOSITORY, data.descriptor, Memory(data.content), mount_from="site/other"
        )
        assert (way, traffic.counts.sent_bytes - before) == ("mounted", 0)
    assert site.is_whole(data)
