"""Connections that help with a body and are refused, or brought what does not fit.

The first stream is healthy throughout: it has to end as if nobody had helped, and the host is not
asked again and again (RFC 9110: 14.2 lets a server ignore a Range; 10.2.3, Retry-After).
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from werkzeug.wrappers import Request, Response

from airgap.errors import UpstreamError
from airgap.net import (
    Download,
    RetryPolicy,
    StoppedError,
    Traffic,
    Transfer,
    UnauthorizedError,
    Wire,
    client_context,
)
from airgap.net import stream as module
from airgap.net.parts import SPLIT_BYTES
from lab.website import Website
from tests.net.clock import Clock

SIZE = 4 * SPLIT_BYTES
CONTENT = b"".join(hashlib.sha256(n.to_bytes(4)).digest() for n in range(SIZE // 32))


class Held:
    """A target in memory whose first write waits for a sign."""

    def __init__(self, have: int = 0) -> None:
        self.validator = ""
        self.data = bytearray(SIZE)
        self.have = have
        self.data[:have] = CONTENT[:have]
        self.restarts = 0
        self.first = threading.Event()
        self.go_on = threading.Event()

    def missing(self) -> tuple[tuple[int, int], ...]:
        return ((self.have, SIZE),)

    def write(self, offset: int, data: memoryview) -> None:
        self.data[offset : offset + len(data)] = data
        self.first.set()
        assert self.go_on.wait(60)

    def note(self, *, validator: str) -> None:
        self.validator = validator

    def restart(self) -> None:
        self.restarts += 1
        self.data[:] = bytes(SIZE)


class Scene:
    """A website, a target that holds the first stream up, and a download between them."""

    def __init__(self, website: Website, wire: Wire, clock: Clock) -> None:
        self.website = website
        self.wire = wire
        self.clock = clock
        self.target = Held()
        self.url = f"{website.url}/file"
        self.download = Download(
            wire, self.url, self.target, size=SIZE, max_bytes=SIZE, fast=float("inf")
        )
        self.errors: list[BaseException] = []

    @property
    def traffic(self) -> Traffic:
        return self.wire.traffic

    def transfer(self) -> Transfer:
        """Return the download as a job of the product has it."""
        retry = self.traffic.counted(RetryPolicy(sleep=self.clock.sleep))

        def once(step: Callable[[dict[str, str]], None]) -> None:
            with self.traffic.attempt(self.url):
                step({})

        return Transfer(self.download, lambda step: retry.run(lambda: once(step)))

    @contextmanager
    def under_way(self) -> Iterator[Transfer]:
        """Have the first stream at its first bytes in the block, and whole behind it."""
        transfer = self.transfer()
        self.website.faults.add("/file", times=1, delay_s=0.0)  # it is left alone
        self._insert_first()
        main = threading.Thread(target=self._run, args=(transfer,), daemon=True)
        main.start()
        assert self.target.first.wait(30)
        try:
            yield transfer
        finally:
            self.target.go_on.set()
            main.join(180)
        assert not main.is_alive(), "the first stream hangs"

    def _insert_first(self) -> None:
        faults = self.website.faults._faults
        faults.insert(0, faults.pop())

    def _run(self, transfer: Transfer) -> None:
        try:
            transfer.run()
        except BaseException as error:  # noqa: BLE001 (looked at by the test)
            self.errors.append(error)

    def check_whole(self) -> None:
        assert self.errors == []
        assert bytes(self.target.data) == CONTENT

    @property
    def asked(self) -> list[str]:
        """The Range of each request, "" where it had none."""
        return [exchange.headers.get("Range", "") for exchange in self.website.requests]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scene(tmp_path: Path, clock: Clock) -> Iterator[Scene]:
    (tmp_path / "file").write_bytes(CONTENT)
    wire = Wire(client_context(), traffic=Traffic(clock=clock.monotonic, sleep=clock.sleep))
    with Website(tmp_path) as website:
        yield Scene(website, wire, clock)
        wire.close()
        assert website.crashes == []


def whole(response: Response) -> Response:
    """Answer a Range with all, though ranges are offered: a proxy took the Range away."""
    etag = response.headers["ETag"]
    return Response(CONTENT, headers={"Accept-Ranges": "bytes", "ETag": etag})


def shifted(response: Response) -> Response:
    response.headers["Content-Range"] = f"bytes 7-{SIZE - 1}/{SIZE}"
    return response


def another(response: Response) -> Response:
    response.headers["ETag"] = '"another"'
    return response


ANSWERS: dict[str, Callable[[Response], Response]] = {
    "200": whole,
    "other-range": shifted,
    "other-validator": another,
    "416": lambda _: Response(b"", status=416),
    "429": lambda _: Response(b"", status=429),
    "403": lambda _: Response(b"", status=403),
    "page": lambda _: Response("<html>", content_type="text/html"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_helper_that_got_nothing_of_use_costs_nothing_and_asks_no_more(
    scene: Scene, answer: Callable[[Response], Response]
) -> None:
    scene.website.faults.add("/file", times=1, alter=answer)
    with scene.under_way() as transfer:
        assert not transfer.help()
        for _ in range(20):
            assert not transfer.help()
    scene.check_whole()
    assert len(scene.asked) == 2, "the first stream goes on to the end of its own answer"
    assert scene.target.restarts == 0
    # An answer's head and the few bytes that a refusal is read for are no content.
    assert SIZE <= scene.traffic.counts.received_bytes <= SIZE + 4096


def test_two_helpers_that_get_all_at_once_leave_the_first_stream_as_it_is(scene: Scene) -> None:
    """Both began the body anew, and waited for each other for ever."""
    both = threading.Barrier(2)

    def wait_for_both() -> None:
        both.wait(30)

    for _ in range(2):
        scene.website.faults.add("/file", alter=whole, then=wait_for_both)
    with scene.under_way() as transfer:
        helpers = [threading.Thread(target=transfer.help, daemon=True) for _ in range(2)]
        for helper in helpers:
            helper.start()
        for helper in helpers:
            helper.join(30)
        assert not any(helper.is_alive() for helper in helpers)
    scene.check_whole()
    assert len(scene.asked) == 3
    assert scene.target.restarts == 0


def test_first_stream_and_helper_that_get_all_to_ranges_at_once_begin_anew_once(
    scene: Scene,
) -> None:
    """The first stream goes on behind what an earlier run brought: the server forgot ranges."""
    scene.target.have = 1000
    scene.download = Download(
        scene.wire, scene.url, scene.target, size=SIZE, max_bytes=SIZE, fast=float("inf")
    )
    transfer = scene.transfer()
    helper = threading.Thread(target=transfer.help, daemon=True)

    def until_the_helper_asks() -> None:
        helper.start()
        end = time.monotonic() + 120
        while len(scene.asked) < 3 and time.monotonic() < end:
            pass

    scene.website.faults.add("/file", times=1, truncate_to=SPLIT_BYTES)
    scene.website.faults.add("/file", times=1, alter=whole, then=until_the_helper_asks)
    scene.website.faults.add("/file", times=1, alter=whole)
    scene.target.go_on.set()
    main = threading.Thread(target=scene._run, args=(transfer,), daemon=True)
    main.start()
    main.join(180)
    assert not main.is_alive(), "they wait for each other"
    helper.join(60)
    scene.check_whole()
    cut = 1000 + SPLIT_BYTES
    assert scene.asked == ["bytes=1000-", f"bytes={cut}-", f"bytes={(cut + SIZE) // 2}-"]
    assert scene.target.restarts == 1


def test_host_that_asks_a_helper_for_silence_is_left_alone_by_everybody(scene: Scene) -> None:
    scene.website.faults.add("/file", times=1, status=429, headers={"Retry-After": "30"})
    with scene.under_way() as transfer:
        assert not transfer.help()
        assert not scene.traffic.has_room(scene.url)
        before = scene.clock.now
        with scene.traffic.attempt(scene.url):
            pass  # of this thread's own, and so it waits
        assert scene.clock.now - before >= 30
    scene.check_whole()
    assert scene.traffic.counts.retries == 0, "the first stream was not touched"


def test_helper_does_not_wait_for_a_host_that_wants_silence(scene: Scene) -> None:
    with scene.under_way() as transfer:
        error = UpstreamError("busy", status=503, retryable=True, retry_after_s=250.0)
        scene.traffic.push_back(scene.url, error)
        before = scene.clock.now
        assert not transfer.help()
        assert scene.clock.now == before
        assert len(scene.asked) == 1
    scene.check_whole()


def test_helper_without_an_answer_waits_longer_each_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    scene.website.faults.add("/file", times=None, drop=True)
    with scene.under_way() as transfer:
        times = []
        for _ in range(200):
            before = len(scene.asked)
            transfer.help()
            if len(scene.asked) > before:
                times.append(now[0] - 1000.0)
            if len(times) == 4:
                break
            now[0] += 0.1
    scene.check_whole()
    waits = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert waits == pytest.approx([1.0, 2.0, 4.0], abs=0.11)


def test_helper_whose_headers_are_no_longer_good_says_so(scene: Scene) -> None:
    """Whoever runs it authorizes it anew: a token that expired does not end the help."""
    scene.website.faults.add("/file", times=1, status=401, headers={"WWW-Authenticate": "Basic"})
    with scene.under_way():
        with pytest.raises(UnauthorizedError) as caught:
            scene.download.help({})
        assert caught.value.url == scene.url
        assert scene.download.is_splittable
        scene.target.go_on.set()
        scene.download.help({})
    scene.check_whole()


def test_stopped_run_does_not_wait_for_a_helper_that_hears_nothing(scene: Scene) -> None:
    silence = threading.Event()

    def say_nothing() -> None:
        silence.wait(60)

    scene.website.faults.add("/file", times=1, then=say_nothing)
    with scene.under_way() as transfer:
        helper = threading.Thread(target=lambda: _quietly(transfer), daemon=True)
        helper.start()
        while len(scene.asked) < 2:
            pass
        scene.traffic.stop()
    silence.set()
    helper.join(30)
    assert [type(error) for error in scene.errors] == [StoppedError]


def _quietly(transfer: Transfer) -> None:
    with suppress(StoppedError):
        transfer.help()


class Rangeless(Website):
    """Behind a proxy that takes every Range away and leaves Accept-Ranges."""

    def respond(self, request: Request) -> Response:
        request.environ.pop("HTTP_RANGE", None)
        return super().respond(request)


def test_proxy_that_takes_ranges_away_makes_no_download_fail(tmp_path: Path, clock: Clock) -> None:
    """Each helper's answer began the body anew: after four that was a failure."""
    (tmp_path / "file").write_bytes(CONTENT)
    wire = Wire(client_context(), traffic=Traffic(clock=clock.monotonic, sleep=clock.sleep))
    with Rangeless(tmp_path) as website:
        scene = Scene(website, wire, clock)
        with scene.under_way() as transfer:
            for _ in range(10):
                transfer.help()
        scene.check_whole()
        assert len(scene.asked) == 2
        wire.close()
