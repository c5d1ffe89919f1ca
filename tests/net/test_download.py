"""One body into a target: continued where it stopped, shared by connections, never appended to."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.wrappers import Request, Response

from airgap.errors import IntegrityError, UpstreamError
from airgap.net import Download, RetryPolicy, Wire, client_context
from airgap.net.parts import SPLIT_BYTES
from lab.website import Website

SIZE = 4 * SPLIT_BYTES


class Memory:
    """A target in memory that knows which bytes it has."""

    def __init__(self, size: int, have: bytes = b"", validator: str = "") -> None:
        self.validator = validator
        self.data = bytearray(have + bytes(size - len(have)))
        self.have = len(have)
        self.restarts = 0
        self.writes: list[tuple[int, int]] = []
        self.first = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def missing(self) -> tuple[tuple[int, int], ...]:
        return ((self.have, len(self.data)),)

    def write(self, offset: int, data: memoryview) -> None:
        self.data[offset : offset + len(data)] = data
        self.writes.append((offset, offset + len(data)))
        self.first.set()
        self.go_on.wait(30)

    def note(self, *, validator: str) -> None:
        self.validator = validator

    def restart(self) -> None:
        self.restarts += 1
        self.data[:] = bytes(len(self.data))


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire(client_context())
    yield wire
    wire.close()


@pytest.fixture
def website(tmp_path: Path) -> Iterator[Website]:
    with Website(tmp_path) as website:
        yield website
        assert website.crashes == []


@pytest.fixture(scope="module")
def made() -> bytes:
    """Bytes that are nowhere alike, so that a wrong place shows."""
    return b"".join(hashlib.sha256(n.to_bytes(4)).digest() for n in range(SIZE // 32))


@pytest.fixture
def content(made: bytes, tmp_path: Path) -> bytes:
    """What the website has."""
    (tmp_path / "file").write_bytes(made)
    return made


def download(wire: Wire, website: Website, target: Memory) -> Download:
    size = len(target.data)
    url = f"{website.url}/file"
    return Download(wire, url, target, size=size, max_bytes=size, fast=float("inf"))


def test_idle_connection_takes_the_upper_half(wire: Wire, website: Website, content: bytes) -> None:
    target = Memory(SIZE)
    target.go_on.clear()
    moving = download(wire, website, target)
    main = threading.Thread(target=moving.attempt, args=({},))
    main.start()
    assert target.first.wait(30)
    assert moving.is_splittable
    helped: list[bool] = []
    helper = threading.Thread(target=lambda: helped.append(moving.help({})))
    helper.start()
    while len(website.requests) < 2:  # it has asked for its half
        pass
    target.go_on.set()
    main.join(60)
    helper.join(60)
    assert helped == [True]
    assert bytes(target.data) == content
    asked = [exchange.headers.get("Range") for exchange in website.requests]
    assert asked[0] is None
    assert asked[1] is not None
    assert asked[1].startswith("bytes=")
    assert sum(end - begin for begin, end in target.writes) == SIZE  # no byte twice
    assert wire.traffic.counts.received_bytes == SIZE  # nor read twice


def test_stream_that_is_fast_is_left_alone(wire: Wire, website: Website, content: bytes) -> None:
    target = Memory(SIZE)
    target.go_on.clear()
    url = f"{website.url}/file"
    moving = Download(wire, url, target, size=SIZE, max_bytes=SIZE, fast=1.0)
    main = threading.Thread(target=moving.attempt, args=({},))
    main.start()
    assert target.first.wait(30)
    while not moving.received:
        target.go_on.set()
    assert not moving.is_splittable
    main.join(60)
    assert len(website.requests) == 1


def test_helper_that_breaks_off_leaves_its_part_to_the_others(
    wire: Wire, website: Website, content: bytes
) -> None:
    website.faults.add("/file", times=1, delay_s=0.0)  # the first request is left alone
    website.faults.add("/file", times=1, truncate_to=100_000)
    target = Memory(SIZE)
    target.go_on.clear()
    moving = download(wire, website, target)
    main = threading.Thread(target=moving.attempt, args=({},))
    main.start()
    assert target.first.wait(30)
    helper = threading.Thread(target=moving.help, args=({},))
    helper.start()
    while len(website.requests) < 2:
        pass
    target.go_on.set()
    helper.join(60)
    main.join(60)
    assert bytes(target.data) == content


def test_bytes_of_an_earlier_run_are_asked_for_no_more(
    wire: Wire, website: Website, content: bytes
) -> None:
    etag = _etag(website)
    target = Memory(SIZE, have=content[:1_000_000], validator=etag)
    download(wire, website, target).attempt({})
    (exchange,) = website.requests
    assert exchange.headers["Range"] == "bytes=1000000-"
    assert exchange.headers["If-Range"] == etag
    assert exchange.sent_bytes == SIZE - 1_000_000
    assert bytes(target.data) == content
    assert target.restarts == 0


def test_other_content_under_the_url_starts_over(
    wire: Wire, website: Website, content: bytes
) -> None:
    """The validator of the earlier run no longer fits: the server answers 200, with all of it."""
    target = Memory(SIZE, have=b"old" * 1000, validator='"old"')
    download(wire, website, target).attempt({})
    assert target.restarts == 1
    assert target.writes[0][0] == 0
    assert bytes(target.data) == content
    assert target.validator == _etag(website)


@pytest.mark.parametrize(
    "stated", ["bytes 999-1000/2000", "bytes 1001-1999/2000", "nonsense", ""], ids=str
)
def test_206_that_begins_elsewhere_is_refused_and_then_all_is_asked_for(
    wire: Wire, website: Website, content: bytes, stated: str
) -> None:
    website.faults.add(
        "/file", times=1, status=206, headers={"Content-Range": stated}, body=b"x" * 1000
    )
    target = Memory(SIZE, have=content[:1000])
    moving = download(wire, website, target)
    with pytest.raises(UpstreamError, match="asked for byte 1000") as caught:
        moving.attempt({})
    assert caught.value.retryable
    moving.attempt({})
    assert [exchange.headers.get("Range") for exchange in website.requests] == [
        "bytes=1000-",
        None,
    ]
    assert bytes(target.data) == content


def test_206_of_another_size_is_an_integrity_error(
    wire: Wire, website: Website, content: bytes
) -> None:
    website.faults.add(
        "/file", status=206, headers={"Content-Range": "bytes 1000-1999/2000"}, body=b"x" * 1000
    )
    with pytest.raises(IntegrityError, match="has 2000 bytes"):
        download(wire, website, Memory(SIZE, have=content[:1000])).attempt({})


def test_416_starts_over(wire: Wire, website: Website, content: bytes) -> None:
    website.faults.add("/file", times=1, status=416)
    target = Memory(SIZE, have=content[:1000])
    moving = download(wire, website, target)
    with pytest.raises(UpstreamError, match="no such range"):
        moving.attempt({})
    moving.attempt({})
    assert bytes(target.data) == content


def test_body_of_unknown_size_that_is_there_whole_needs_no_byte_more(
    wire: Wire, website: Website, content: bytes
) -> None:
    """Killed after its last byte and before its publication, it is asked for behind its end."""

    class Whole(Memory):
        def missing(self) -> tuple[tuple[int, int], ...]:
            return ((SIZE, -1),)

    target = Whole(SIZE, have=content)
    url = f"{website.url}/file"
    Download(wire, url, target, size=None, max_bytes=2 * SIZE).attempt({})
    (exchange,) = website.requests
    assert exchange.status == 416
    assert target.writes == []
    assert target.restarts == 0


class Rangeless(Website):
    """A server that has never heard of ranges."""

    def respond(self, request: Request) -> Response:
        request.environ.pop("HTTP_RANGE", None)
        response = super().respond(request)
        response.headers.pop("Accept-Ranges", None)
        return response


def test_server_that_always_breaks_off_and_knows_no_ranges_ends_with_a_reason(
    wire: Wire, tmp_path: Path, content: bytes
) -> None:
    with Rangeless(tmp_path) as website:
        website.faults.add("/file", times=None, truncate_to=2 * 2**20)
        target = Memory(SIZE)
        retry = RetryPolicy(sleep=lambda _: None)
        moving = download(wire, website, target)
        with pytest.raises(UpstreamError, match="cannot be continued in the middle"):
            moving.persist(lambda attempt: retry.run(lambda: attempt({})))
        assert target.restarts == 4
        assert max(end for _, end in target.writes) == 2 * 2**20  # nothing was appended


def test_link_that_breaks_again_and_again_is_worth_going_on_while_bytes_come(
    wire: Wire, website: Website, content: bytes
) -> None:
    """Each stretch that brings a mebibyte counts anew: a long download survives many cuts."""
    for _ in range(12):
        website.faults.add("/file", times=1, truncate_to=2 * 2**20)
    target = Memory(SIZE)
    download(wire, website, target).persist(lambda attempt: attempt({}))
    assert bytes(target.data) == content
    assert target.restarts == 0
    assert len(website.requests) == 13


def _etag(website: Website) -> str:
    state = (website.directory / "file").stat()
    return f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
