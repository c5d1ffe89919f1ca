"""Uploads against the practice registry and its deviants: distribution specification v1.1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
import pytest

from airgap.errors import IntegrityError, RegistryError
from airgap.net import RetryPolicy, Traffic
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.credentials import Credential
from airgap.oci.upload import RESUMED_BYTES
from airgap.store.reception import CHUNK_BYTES
from lab.auth import BasicAuth, BearerAuth
from lab.deviance import DOCKER_REGISTRY, Deviance
from lab.registry import Registry
from tests.oci.uploading import MIB, Data, Memory, Remembered, Stopping, Streamed, make_data

SITE = "site/app"
UPLOADS = "/blobs/uploads/"
CUT = 9 * MIB + 12_345
PATIENT = RetryPolicy(first_wait_s=0.01)


@pytest.fixture(scope="session")
def large() -> Data:
    """More than what is begun anew, also behind a cut."""
    found = make_data(13 * MIB + 77)
    assert str(found.descriptor.digest) == found.digest
    return found


@pytest.fixture
def sessions() -> Remembered:
    return Remembered()


@pytest.fixture
def deviance(request: pytest.FixtureRequest) -> Deviance:
    found = getattr(request, "param", Deviance())
    assert isinstance(found, Deviance)
    return replace(found)


@pytest.fixture
def registry(deviance: Deviance) -> Iterator[Registry]:
    with Registry(deviance=deviance) as running:
        yield running
    assert running.crashes == []


Connect = Callable[..., RegistryClient]


@pytest.fixture
def connect(registry: Registry) -> Iterator[Connect]:
    clients: list[RegistryClient] = []

    def make(retry: RetryPolicy = PATIENT, traffic: Traffic | None = None) -> RegistryClient:
        address = RegistryAddress(url=registry.url)
        clients.append(RegistryClient(address, retry=retry, traffic=traffic))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def of(**switches: object) -> Deviance:
    return Deviance(**switches)  # type: ignore[arg-type]  # the switches by name


def methods(registry: Registry) -> list[str]:
    return [exchange.method for exchange in registry.requests]


def is_whole(registry: Registry, data: Data) -> bool:
    held = registry.content.has_blob(SITE, data.digest)
    return held and registry.content.pool.read(data.digest) == data.content


def cut(registry: Registry, *, times: int = 1, method: str = "PUT") -> None:
    for _ in range(times):
        registry.faults.add(UPLOADS, method=method, cut_after=CUT)


# What every registry does


def test_a_blob_goes_in_one_request_behind_its_beginning(
    connect: Connect, registry: Registry, large: Data
) -> None:
    assert connect().upload_blob(SITE, large.descriptor, Memory(large.content)) == "uploaded"
    assert methods(registry) == ["POST", "PUT"]
    assert registry.requests.received_bytes == len(large.content)
    assert is_whole(registry, large)
    assert registry.uploads.open_sessions == 0


def test_an_empty_blob_is_taken(connect: Connect, registry: Registry) -> None:
    nothing = make_data(0)
    assert connect().upload_blob(SITE, nothing.descriptor, Memory(b"")) == "uploaded"
    assert is_whole(registry, nothing)


def test_a_cut_upload_goes_on_where_the_registry_says(
    connect: Connect, registry: Registry, large: Data
) -> None:
    cut(registry)
    source = Memory(large.content)
    assert connect().upload_blob(SITE, large.descriptor, source) == "uploaded"
    assert source.asked == [0, CUT]
    first, second = registry.requests.select(method="PUT")
    assert (first.received_bytes, second.received_bytes) == (CUT, len(large.content) - CUT)
    # Distribution specification v1.1, "Pushing a blob in chunks": <start>-<end>, both inclusive.
    assert second.headers["Content-Range"] == f"{CUT}-{len(large.content) - 1}"
    assert is_whole(registry, large)
    assert registry.uploads.open_sessions == 0


def test_no_more_than_a_chunk_of_the_store_is_ever_begun_anew(
    connect: Connect, registry: Registry, sessions: Remembered
) -> None:
    """A kill costs each stream one chunk, whichever way it moves."""
    assert RESUMED_BYTES == CHUNK_BYTES
    data = make_data(CHUNK_BYTES + 1)
    stopped = Stopping(data.content, after=CHUNK_BYTES)
    with pytest.raises(KeyboardInterrupt):
        connect().upload_blob(SITE, data.descriptor, stopped, sessions=sessions)
    source = Memory(data.content)
    assert connect().upload_blob(SITE, data.descriptor, source, sessions=sessions) == "uploaded"
    assert source.asked == [CHUNK_BYTES]
    assert is_whole(registry, data)


def test_an_upload_cut_again_and_again_moves_each_byte_once(
    connect: Connect, registry: Registry, large: Data
) -> None:
    for _ in range(4):
        registry.faults.add(UPLOADS, method="PUT", cut_after=3 * MIB)
    assert connect().upload_blob(SITE, large.descriptor, Memory(large.content)) == "uploaded"
    assert registry.uploads.received_bytes == len(large.content) + 2  # two ask what a Range means
    assert is_whole(registry, large)


def test_the_next_run_goes_on_where_a_killed_one_was(
    connect: Connect, registry: Registry, large: Data, sessions: Remembered
) -> None:
    stopped = Stopping(large.content, after=CUT)
    with pytest.raises(KeyboardInterrupt):
        connect().upload_blob(SITE, large.descriptor, stopped, sessions=sessions)
    assert list(sessions.kept) == [(SITE, large.digest)]
    traffic = Traffic()
    again = connect(traffic=traffic)
    source = Memory(large.content)
    assert again.upload_blob(SITE, large.descriptor, source, sessions=sessions) == "uploaded"
    assert source.asked == [CUT]
    assert traffic.counts.sent_bytes == len(large.content) - CUT + 2
    assert sessions.kept == {}
    assert is_whole(registry, large)


def test_a_session_that_the_registry_forgot_is_begun_anew(
    connect: Connect, registry: Registry, large: Data, sessions: Remembered
) -> None:
    gone = f"{registry.url}/v2/{SITE}{UPLOADS}0123?_state=x"
    sessions.keep(SITE, large.descriptor.digest, gone)
    source = Memory(large.content)
    connect().upload_blob(SITE, large.descriptor, source, sessions=sessions)
    assert source.asked == [0]
    assert is_whole(registry, large)
    assert sessions.kept == {}


def test_an_upload_whose_last_answer_was_lost_is_not_sent_again(
    connect: Connect, registry: Registry, large: Data
) -> None:
    registry.faults.add(UPLOADS, method="PUT", mute=True)
    source = Memory(large.content)
    assert connect().upload_blob(SITE, large.descriptor, source) == "uploaded"
    assert source.asked == [0]
    assert registry.uploads.received_bytes == len(large.content)


def test_a_small_blob_is_begun_anew(connect: Connect, registry: Registry) -> None:
    small = make_data(100_000)
    registry.faults.add(UPLOADS, method="PUT", cut_after=50_000)
    assert connect().upload_blob(SITE, small.descriptor, Memory(small.content)) == "uploaded"
    assert methods(registry) == ["POST", "PUT", "POST", "PUT"]
    assert is_whole(registry, small)


def test_a_source_that_cannot_seek_is_begun_anew_and_the_rest_cancelled(
    connect: Connect, registry: Registry, large: Data
) -> None:
    cut(registry)
    source = Streamed(large.content, large.descriptor.digest)
    assert connect().upload_blob(SITE, large.descriptor, source) == "uploaded"
    assert source.asked == [0, 0]
    assert is_whole(registry, large)
    assert registry.uploads.open_sessions == 0


def test_a_source_that_turns_out_wrong_never_becomes_visible(
    connect: Connect, registry: Registry, large: Data, sessions: Remembered
) -> None:
    wrong = Streamed(large.content[:-1] + b"?", large.descriptor.digest)
    with pytest.raises(IntegrityError, match="the source is not sha256:"):
        connect().upload_blob(SITE, large.descriptor, wrong, sessions=sessions)
    assert registry.content.names == []
    assert registry.uploads.open_sessions == 0
    assert sessions.kept == {}


def test_a_damaged_file_is_refused_by_its_digest_and_not_sent_twice(
    connect: Connect, registry: Registry, large: Data
) -> None:
    damaged = Memory(b"?" + large.content[1:])
    with pytest.raises(IntegrityError, match="other bytes than sha256:") as caught:
        connect().upload_blob(SITE, large.descriptor, damaged)
    assert "damaged" in caught.value.diagnostics()
    assert damaged.asked == [0]
    assert registry.content.names == []


def test_a_source_of_another_size_is_refused_before_a_byte(
    connect: Connect, registry: Registry, large: Data
) -> None:
    with pytest.raises(IntegrityError, match=f"expected {len(large.content)}"):
        connect().upload_blob(SITE, large.descriptor, Memory(large.content[:-1]))
    assert registry.uploads.received_bytes == 0
    assert registry.uploads.open_sessions == 0


def test_what_an_earlier_run_sent_wrongly_is_found_and_sent_anew(
    connect: Connect, registry: Registry, large: Data, sessions: Remembered
) -> None:
    stopped = Stopping(b"?" + large.content[1:], after=CUT)
    with pytest.raises(KeyboardInterrupt):
        connect().upload_blob(SITE, large.descriptor, stopped, sessions=sessions)
    source = Memory(large.content)
    connect().upload_blob(SITE, large.descriptor, source, sessions=sessions)
    assert source.asked == [CUT, 0]
    assert is_whole(registry, large)


BASIC = {"WWW-Authenticate": 'Basic realm="lab"'}


class _Known:
    """The credentials of everybody's only user."""

    def find(self, host: str) -> Credential:  # noqa: ARG002 (protocol)
        return Credential(username="site", password="carried in")


def test_a_token_that_expires_in_mid_transfer_is_renewed(large: Data) -> None:
    auth = BearerAuth({"site": "carried in"}, anonymous_pull=False)
    waits: list[float] = []

    def expire(wait: float) -> None:
        if not waits:
            auth.revoke_all()
        waits.append(wait)

    with Registry(auth=auth) as registry:
        cut(registry)
        policy = RetryPolicy(sleep=expire)
        address = RegistryAddress(url=registry.url)
        with RegistryClient(address, credentials=_Known(), retry=policy) as client:
            client.upload_blob(SITE, large.descriptor, Memory(large.content))
        assert [e.status for e in registry.requests if e.path == "/token"] == [200, 200]
        assert registry.uploads.received_bytes == len(large.content) + 2
        assert is_whole(registry, large)
    assert waits


def test_what_a_cut_still_had_under_way_is_waited_for(
    connect: Connect, registry: Registry, large: Data
) -> None:
    """distribution v3 reads on what is in its socket: its status grows for a moment."""
    cut(registry)
    late = large.content[CUT : CUT + MIB]
    registry.faults.add(UPLOADS, method="GET", then=lambda: registry.uploads.arrive(late))
    source = Memory(large.content)
    connect().upload_blob(SITE, large.descriptor, source)
    assert source.asked == [0, CUT + MIB]
    assert is_whole(registry, large)


def test_an_upload_cut_behind_its_last_byte_only_needs_to_be_closed(
    connect: Connect, registry: Registry, large: Data
) -> None:
    registry.faults.add(UPLOADS, method="PUT", cut_after=len(large.content))
    source = Memory(large.content)
    connect().upload_blob(SITE, large.descriptor, source)
    assert source.asked == [0]
    assert registry.requests.select(method="PUT")[-1].headers["Content-Length"] == "0"
    assert is_whole(registry, large)


def test_an_upload_that_grew_after_its_status_is_asked_again(
    connect: Connect, registry: Registry, large: Data
) -> None:
    """distribution v3, by experiment: 416 for the state of any Location but the newest."""
    cut(registry)
    late = large.content[CUT : CUT + MIB]
    registry.faults.add(UPLOADS, method="GET")
    registry.faults.add(UPLOADS, method="GET", then=lambda: registry.uploads.arrive(late))
    source = Memory(large.content)
    connect().upload_blob(SITE, large.descriptor, source)
    assert source.asked == [0, CUT, CUT + MIB]
    assert is_whole(registry, large)


def test_an_upload_that_is_never_taken_on_is_cancelled_and_begun_anew(
    connect: Connect, registry: Registry, large: Data
) -> None:
    cut(registry)
    registry.faults.add(UPLOADS, method="PUT", times=2, status=416)
    source = Memory(large.content)
    connect().upload_blob(SITE, large.descriptor, source)
    assert source.asked == [0, CUT, CUT, 0]
    assert is_whole(registry, large)
    assert registry.uploads.open_sessions == 0


def test_an_upload_with_more_than_the_blob_is_cancelled_and_begun_anew(
    connect: Connect, registry: Registry, large: Data
) -> None:
    cut(registry)
    registry.faults.add(UPLOADS, method="GET", then=lambda: registry.uploads.arrive(large.content))
    source = Memory(large.content)
    connect().upload_blob(SITE, large.descriptor, source)
    assert source.asked == [0, 0]
    assert is_whole(registry, large)
    assert registry.uploads.open_sessions == 0


def test_credentials_do_not_follow_a_location_to_another_host(large: Data) -> None:
    with (
        Registry(auth=BasicAuth({"site": "carried in"})) as registry,
        Registry() as elsewhere,
        httpx.Client(trust_env=False, timeout=60) as http,
        RegistryClient(
            RegistryAddress(url=registry.url), credentials=_Known(), retry=PATIENT
        ) as client,
    ):
        begun = http.post(f"{elsewhere.url}/v2/{SITE}{UPLOADS}")
        registry.faults.add(UPLOADS, method="POST", status=401, headers=BASIC)
        registry.faults.add(
            UPLOADS, method="POST", status=202, headers={"Location": begun.headers["Location"]}
        )
        client.upload_blob(SITE, large.descriptor, Memory(large.content))
        assert is_whole(elsewhere, large)
        (put,) = elsewhere.requests.select(method="PUT")
        assert "Authorization" not in put.headers
        assert "Authorization" in registry.requests.select(method="POST")[-1].headers


# Deviants, each by itself


@pytest.mark.parametrize("deviance", [of(mounts=False)], indirect=True)
def test_a_declined_mount_goes_on_with_the_session_it_opened(
    connect: Connect, registry: Registry, large: Data
) -> None:
    registry.content.add_blob("site/other", large.content)
    way = connect().upload_blob(
        SITE, large.descriptor, Memory(large.content), mount_from="site/other"
    )
    assert way == "uploaded"
    assert methods(registry) == ["POST", "PUT"]
    assert registry.uploads.open_sessions == 0


def test_a_granted_mount_moves_nothing(connect: Connect, registry: Registry, large: Data) -> None:
    registry.content.add_blob("site/other", large.content)
    source = Memory(large.content)
    way = connect().upload_blob(SITE, large.descriptor, source, mount_from="site/other")
    assert (way, source.asked, methods(registry)) == ("mounted", [], ["POST"])


@pytest.mark.parametrize("deviance", [of(upload_status=False)], indirect=True)
def test_without_an_upload_status_a_cut_starts_over_once(
    connect: Connect, registry: Registry, large: Data
) -> None:
    cut(registry)
    source = Memory(large.content)
    connect().upload_blob(SITE, large.descriptor, source)
    assert source.asked == [0, 0]
    assert is_whole(registry, large)


@pytest.mark.parametrize("deviance", [DOCKER_REGISTRY], indirect=True)
def test_a_registry_that_drops_cut_uploads_is_sent_everything_again(
    connect: Connect, registry: Registry, large: Data, sessions: Remembered
) -> None:
    cut(registry)
    source = Memory(large.content)
    connect().upload_blob(SITE, large.descriptor, source, sessions=sessions)
    assert source.asked == [0, 0]
    assert is_whole(registry, large)
    assert sessions.kept == {}


@pytest.mark.parametrize("deviance", [of(range_is_length=True)], indirect=True)
def test_a_range_that_ends_one_too_late_is_found_out(
    connect: Connect, registry: Registry, large: Data
) -> None:
    cut(registry)
    source = Memory(large.content)
    connect().upload_blob(SITE, large.descriptor, source)
    assert source.asked == [0, CUT]
    assert is_whole(registry, large)


@pytest.mark.parametrize(
    "deviance", [of(range_is_length=True, checks_ranges=False, has_state=False)], indirect=True
)
def test_a_wrong_range_that_nobody_refuses_does_no_harm(
    connect: Connect, registry: Registry, large: Data
) -> None:
    cut(registry, times=2)
    connect().upload_blob(SITE, large.descriptor, Memory(large.content))
    assert registry.uploads.received_bytes == len(large.content) + 2
    assert is_whole(registry, large)


@pytest.mark.parametrize(
    "deviance", [of(takes_whole=False, checks_ranges=False, has_state=False)], indirect=True
)
def test_bytes_appended_behind_our_back_end_in_a_fresh_upload(
    connect: Connect, registry: Registry, large: Data
) -> None:
    """A registry that answers 202 to a bad range has appended what did not belong there."""
    source = Memory(large.content)
    registry.faults.add(UPLOADS, method="POST", delay_s=0.0)
    registry.faults.add(
        UPLOADS, method="POST", then=lambda: registry.uploads.arrive(b"of another connection")
    )
    connect().upload_blob(SITE, large.descriptor, source)
    assert source.asked == [0, 0, 0]
    assert is_whole(registry, large)
    assert registry.uploads.open_sessions == 0


@pytest.mark.parametrize("deviance", [of(takes_whole=False)], indirect=True)
def test_a_refused_whole_body_goes_as_a_chunk_and_that_is_remembered(
    connect: Connect, registry: Registry, large: Data
) -> None:
    client = connect()
    client.upload_blob(SITE, large.descriptor, Memory(large.content))
    assert is_whole(registry, large)
    registry.requests.clear()
    other = make_data(9 * MIB, seed=2)
    client.upload_blob(SITE, other.descriptor, Memory(other.content))
    assert methods(registry) == ["POST", "PATCH", "PUT"]
    assert is_whole(registry, other)
    assert registry.uploads.open_sessions == 0


@pytest.mark.parametrize("deviance", [of(takes_whole=False)], indirect=True)
def test_a_cut_chunk_goes_on_too(connect: Connect, registry: Registry, large: Data) -> None:
    cut(registry, method="PATCH")
    connect().upload_blob(SITE, large.descriptor, Memory(large.content))
    # The first PUT was refused before its body was read.
    patches = registry.requests.select(method="PATCH")
    moved = [patch.received_bytes for patch in patches if patch.received_bytes > 2]
    assert moved == [CUT, len(large.content) - CUT]
    assert is_whole(registry, large)


@pytest.mark.parametrize(
    "deviance",
    [
        of(location="relative"),
        of(location="relative", has_state=False),
        of(location="absolute", has_state=False),
    ],
    indirect=True,
)
def test_a_location_of_any_form_is_followed(
    connect: Connect, registry: Registry, large: Data
) -> None:
    cut(registry)
    connect().upload_blob(SITE, large.descriptor, Memory(large.content))
    assert registry.uploads.received_bytes == len(large.content) + 2
    assert is_whole(registry, large)


@pytest.mark.parametrize("deviance", [of(chunk_min_bytes=8 * MIB)], indirect=True)
def test_what_is_left_may_be_less_than_the_smallest_chunk(
    connect: Connect, registry: Registry, large: Data
) -> None:
    """Distribution specification v1.1: OCI-Chunk-Min-Length holds for all but the final chunk."""
    cut(registry)
    connect().upload_blob(SITE, large.descriptor, Memory(large.content))
    put = registry.requests.select(method="PUT")[-1]
    assert put.received_bytes == len(large.content) - CUT < 8 * MIB
    assert is_whole(registry, large)


@pytest.mark.parametrize("deviance", [of(ranges=False)], indirect=True)
def test_without_ranges_a_cut_download_is_read_again_and_not_doubled(
    connect: Connect, registry: Registry, large: Data
) -> None:
    registry.content.add_blob(SITE, large.content)
    registry.faults.add("/blobs/sha256", method="GET", truncate_to=CUT)
    connect().verify_blob(SITE, large.descriptor)
    assert [e.status for e in registry.requests.select(method="GET")] == [200, 200]


def test_a_body_too_large_for_a_proxy_is_a_final_error_that_says_so(
    connect: Connect, registry: Registry, large: Data
) -> None:
    for method in ("PUT", "PATCH"):
        registry.faults.add(UPLOADS, method=method, times=None, status=413)
    with pytest.raises(RegistryError) as caught:
        connect().upload_blob(SITE, large.descriptor, Memory(large.content))
    assert caught.value.status == 413
    assert "proxy" in caught.value.diagnostics()
