"""The practice registry's deviances and its line: each differs in its own way and in no other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest

from lab.deviance import DOCKER_REGISTRY, Deviance
from lab.link import Link
from lab.registry import Registry

DATA = bytes(range(256)) * 4000
DIGEST = "sha256:" + hashlib.sha256(DATA).hexdigest()
UPLOADS = "/blobs/uploads/"


@pytest.fixture
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    with Registry(deviance=getattr(request, "param", None)) as started:
        yield started
        assert started.crashes == []


def of(**switches: object) -> pytest.MarkDecorator:
    deviance = Deviance(**switches)  # type: ignore[arg-type]  # the switches by name
    return pytest.mark.parametrize("registry", [deviance], indirect=True)


def begin(http: httpx.Client, registry: Registry) -> str:
    answer = http.post(f"{registry.url}/v2/a{UPLOADS}")
    assert answer.status_code == 202
    return urljoin(registry.url, answer.headers["Location"])


def patch(http: httpx.Client, location: str, data: bytes, start: int = 0) -> httpx.Response:
    span = {"Content-Range": f"{start}-{start + len(data) - 1}"}
    return http.patch(location, content=data, headers=span)


def close(http: httpx.Client, location: str, data: bytes = b"") -> httpx.Response:
    return http.put(httpx.URL(location).copy_merge_params({"digest": DIGEST}), content=data)


def cut(http: httpx.Client, registry: Registry, after: int) -> str:
    """Cut an upload's body; return the Location it was sent to."""
    location = begin(http, registry)
    registry.faults.add(UPLOADS, method="PATCH", cut_after=after)
    with pytest.raises(httpx.TransportError):
        patch(http, location, DATA)
    return location


def test_a_cut_body_stays_and_is_counted(registry: Registry, http: httpx.Client) -> None:
    """distribution v3, by experiment: 204 with what came; writing needs the newest Location."""
    location = cut(http, registry, 300_000)
    assert registry.requests.received_bytes == registry.uploads.received_bytes == 300_000
    assert patch(http, location, DATA[300_000:], 300_000).status_code == 416
    status = http.get(location)
    assert (status.status_code, status.headers["Range"]) == (204, "0-299999")
    rest = patch(http, status.headers["Location"], DATA[300_000:], 300_000)
    assert close(http, rest.headers["Location"]).status_code == 201
    assert registry.uploads.received_bytes == len(DATA)


@pytest.mark.parametrize("registry", [DOCKER_REGISTRY], indirect=True)
def test_docker_registry_answers_404_for_a_cut_upload_and_202_for_a_bad_range(
    registry: Registry, http: httpx.Client
) -> None:
    """docker-registry 2.8.2, by experiment."""
    location = cut(http, registry, 300_000)
    for method in ("GET", "PATCH", "DELETE"):
        assert http.request(method, location).status_code == 404
    whole = patch(http, begin(http, registry), DATA[:1000])
    assert http.get(whole.headers["Location"]).headers["Range"] == "0-999"
    wrong = patch(http, whole.headers["Location"], b"x", start=5000)
    assert (wrong.status_code, wrong.headers["Range"]) == (202, "0-1000")


@of(upload_status=False)
def test_a_registry_without_upload_status(registry: Registry, http: httpx.Client) -> None:
    location = begin(http, registry)
    assert http.get(location).status_code == 404
    assert close(http, location, DATA).status_code == 201


@of(range_is_length=True)
def test_a_range_that_ends_with_the_length(registry: Registry, http: httpx.Client) -> None:
    location = begin(http, registry)
    assert http.get(location).headers["Range"] == "0-0"
    assert patch(http, location, DATA[:10]).headers["Range"] == "0-10"


@of(takes_whole=False)
def test_a_put_with_a_body_is_refused(registry: Registry, http: httpx.Client) -> None:
    location = begin(http, registry)
    assert close(http, location, DATA).status_code == 405
    done = patch(http, location, DATA)
    assert close(http, done.headers["Location"]).status_code == 201


@of(mounts=False)
def test_a_mount_is_declined_with_a_session(registry: Registry, http: httpx.Client) -> None:
    registry.content.add_blob("b", DATA)
    answer = http.post(f"{registry.url}/v2/a{UPLOADS}", params={"mount": DIGEST, "from": "b"})
    assert (answer.status_code, registry.uploads.open_sessions) == (202, 1)


@of(ranges=False)
def test_a_blob_is_only_served_whole(registry: Registry, http: httpx.Client) -> None:
    registry.content.add_blob("a", DATA)
    answer = http.get(f"{registry.url}/v2/a/blobs/{DIGEST}", headers={"Range": "bytes=5-"})
    assert (answer.status_code, answer.content) == (200, DATA)


@of(location="relative", has_state=False)
def test_a_location_may_be_relative_and_plain(registry: Registry, http: httpx.Client) -> None:
    answer = http.post(f"{registry.url}/v2/a{UPLOADS}")
    assert answer.headers["Location"].startswith(f"/v2/a{UPLOADS}")
    assert "?" not in answer.headers["Location"]
    assert close(http, urljoin(registry.url, answer.headers["Location"]), DATA).status_code == 201


@of(chunk_min_bytes=1000)
def test_a_chunk_below_the_smallest_is_refused(registry: Registry, http: httpx.Client) -> None:
    answer = http.post(f"{registry.url}/v2/a{UPLOADS}")
    assert answer.headers["OCI-Chunk-Min-Length"] == "1000"
    assert patch(http, answer.headers["Location"], b"x" * 999).status_code == 416
    assert patch(http, answer.headers["Location"], b"x" * 1000).status_code == 202


def test_a_mute_registry_has_done_what_was_asked(registry: Registry, http: httpx.Client) -> None:
    location = begin(http, registry)
    registry.faults.add(UPLOADS, method="PUT", mute=True)
    with pytest.raises(httpx.TransportError):
        close(http, location, DATA)
    assert registry.content.has_blob("a", DIGEST)


def test_a_slow_line_takes_its_time_in_both_directions(
    registry: Registry, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("lab.link.sleep", waits.append)
    monkeypatch.setattr("lab.link.monotonic", lambda: 0.0)
    registry.link = Link(latency_s=0.25, bytes_per_s=1_024_000)
    assert close(http, begin(http, registry), DATA).status_code == 201
    # Nothing passes on a clock that stands still: the last wait is for all of the bytes.
    assert max(waits) == len(DATA) / 1_024_000
    assert waits.count(0.25) == 2
    waits.clear()
    assert http.get(f"{registry.url}/v2/a/blobs/{DIGEST}").content == DATA
    assert max(waits) == len(DATA) / 1_024_000
