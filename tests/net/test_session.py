"""The control plane: counted, paced, bounded, nothing decompressed, nothing told to logs."""

from __future__ import annotations

import gzip
import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from werkzeug.wrappers import Request, Response

from airgap.errors import UpstreamError
from airgap.net import Pace, Schedule, Session, Traffic, client_context
from lab.server import Simulator
from tests.net.clock import Clock


class Listener(Simulator):
    """Answers every request with ten bytes, and keeps the headers."""

    asked: dict[str, str]

    def respond(self, request: Request) -> Response:
        self.asked = dict(request.headers)
        return Response(b"0123456789")


def test_requests_and_bodies_are_counted() -> None:
    traffic = Traffic()
    with Listener() as server, Session(client_context(), traffic) as session:
        session.send("GET", f"{server.url}/a")
        session.send("POST", f"{server.url}/b", content=b"12345")
        session.send("HEAD", f"{server.url}/c")
        server.faults.add("/d", status=307, headers={"Location": "/e"})
        session.send("GET", f"{server.url}/d")
    counts = traffic.counts
    assert (counts.requests, counts.sent_bytes, counts.received_bytes) == (5, 5, 30)


def test_bodies_keep_to_the_pace() -> None:
    clock = Clock()
    schedule = Schedule([(None, None, 1.0)])
    pace = Pace(schedule, monotonic=clock.monotonic, wall=clock.wall, sleep=clock.sleep)
    with Listener() as server, Session(client_context(), Traffic(pace=pace)) as session:
        session.send("POST", f"{server.url}/a", content=b"0123456789")
    assert clock.now == pytest.approx(20.0, abs=1.5)  # ten bytes each way at a byte a second


@pytest.mark.parametrize("as_date", [False, True])
def test_push_back_that_is_an_answer_counts_too(as_date: bool) -> None:
    """RFC 9110, 10.2.3: Retry-After is seconds or a date."""
    clock = Clock()
    traffic = Traffic(clock=clock.monotonic, sleep=clock.sleep)
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=200), usegmt=True)
    value = moment if as_date else "200"
    with Listener() as server, Session(client_context(), traffic) as session:
        server.faults.add("/a", status=429, headers={"Retry-After": value})
        assert session.send("GET", f"{server.url}/a").status == 429
        assert clock.now == 0.0
        assert session.send("GET", f"{server.url}/a").status == 200
    assert 100.0 < clock.now < 201.0


def test_used_up_rate_limit_of_a_good_answer_is_waited_for() -> None:
    clock = Clock()
    traffic = Traffic(clock=clock.monotonic, sleep=clock.sleep)
    limit = {"RateLimit-Remaining": "0", "RateLimit-Reset": "30"}
    with Listener() as server, Session(client_context(), traffic) as session:
        server.faults.add("/a", status=200, headers=limit)
        session.send("GET", f"{server.url}/a")
        session.send("GET", f"{server.url}/a")
    assert clock.now == pytest.approx(30.0)


def test_compressed_answer_is_refused_before_it_swells() -> None:
    bomb = gzip.compress(b"\0" * 64 * 2**20)
    with Listener() as server, Session(client_context()) as session:
        server.faults.add("/a", status=200, headers={"Content-Encoding": "gzip"}, body=bomb)
        with pytest.raises(UpstreamError, match="Content-Encoding gzip"):
            session.send("GET", f"{server.url}/a")
        session.send("GET", f"{server.url}/b")
        assert server.asked["Accept-Encoding"] == "identity"


def test_compressed_refusal_keeps_its_status() -> None:
    with Listener() as server, Session(client_context()) as session:
        server.faults.add("/a", status=404, headers={"Content-Encoding": "gzip"}, body=b"\x1f\x8b")
        assert session.send("GET", f"{server.url}/a").status == 404


def test_answer_beyond_its_bound_is_refused() -> None:
    with Listener() as server, Session(client_context()) as session:
        with pytest.raises(UpstreamError, match="larger than 9 bytes"):
            session.send("GET", f"{server.url}/a", max_bytes=9)
        assert session.send("GET", f"{server.url}/a", max_bytes=10).body == b"0123456789"


def test_neither_signatures_nor_cookies_reach_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """httpx writes each URL at INFO, httpcore each answer's headers at DEBUG."""
    caplog.set_level(logging.DEBUG)
    with Listener() as server, Session(client_context()) as session:
        server.faults.add("/a", status=200, headers={"Set-Cookie": "session=MARKED"})
        session.send("GET", f"{server.url}/a?X-Amz-Signature=MARKED")
    assert "MARKED" not in caplog.text
