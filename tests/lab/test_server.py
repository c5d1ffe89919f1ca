"""Faults a test injects, and what is recorded."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from werkzeug.wrappers import Request, Response

from lab.faults import LOGIN_PAGE
from lab.server import Simulator
from lab.tls import Authority

_BODY = bytes(range(256)) * 16


class _Echo(Simulator):
    def respond(self, request: Request) -> Response:
        return Response(_BODY, headers={"X-Path": request.path})


@pytest.fixture
def echo(authority: Authority) -> Iterator[_Echo]:
    with _Echo(certificate=authority.issue()) as started:
        yield started


def test_a_fault_strikes_as_often_as_it_says(echo: _Echo, http: httpx.Client) -> None:
    echo.faults.add("/x", times=2, status=503, headers={"Retry-After": "7"})
    answers = [http.get(f"{echo.url}/x") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["Retry-After"] == "7"


def test_a_fault_strikes_its_method_and_path_only(echo: _Echo, http: httpx.Client) -> None:
    echo.faults.add("/x$", method="HEAD", status=500)
    assert http.get(f"{echo.url}/x").status_code == 200
    assert http.head(f"{echo.url}/y").status_code == 200
    assert http.head(f"{echo.url}/x").status_code == 500


def test_a_truncated_body_keeps_its_content_length(echo: _Echo, http: httpx.Client) -> None:
    echo.faults.add("/x", truncate_to=100)
    with http.stream("GET", f"{echo.url}/x") as response:
        assert response.headers["Content-Length"] == str(len(_BODY))
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()
    assert [exchange.sent_bytes for exchange in echo.requests] == [100]


def test_one_byte_is_flipped(echo: _Echo, http: httpx.Client) -> None:
    echo.faults.add("/x", flip_byte=5)
    body = http.get(f"{echo.url}/x").content
    assert [i for i, byte in enumerate(body) if byte != _BODY[i]] == [5]


def test_a_connection_is_dropped_without_an_answer(echo: _Echo, http: httpx.Client) -> None:
    echo.faults.add("/x", drop=True)
    with pytest.raises(httpx.TransportError):
        http.get(f"{echo.url}/x")
    assert http.get(f"{echo.url}/x").content == _BODY


def test_a_login_page_comes_with_status_200(echo: _Echo, http: httpx.Client) -> None:
    echo.faults.add_login_page("/x")
    answer = http.get(f"{echo.url}/x")
    assert (answer.status_code, answer.content) == (200, LOGIN_PAGE)
    assert answer.headers["Content-Type"].startswith("text/html")


def test_an_answer_is_delayed(echo: _Echo, http: httpx.Client) -> None:
    echo.faults.add("/x", delay_s=0.3)
    begun = time.monotonic()
    http.get(f"{echo.url}/x")
    assert time.monotonic() - begun >= 0.3


def test_something_happens_between_two_reads(echo: _Echo, http: httpx.Client) -> None:
    happened: list[str] = []
    echo.faults.add("/x", then=lambda: happened.append("moved"))
    assert http.get(f"{echo.url}/x").content == _BODY
    assert happened == ["moved"]


def test_credentials_are_not_recorded(echo: _Echo, http: httpx.Client) -> None:
    http.get(f"{echo.url}/x?a=b", auth=("user", "s3cret"))
    exchange = next(iter(echo.requests))
    assert (exchange.method, exchange.path, exchange.query) == ("GET", "/x", "a=b")
    assert exchange.headers["Authorization"] == "<redacted>"
    assert exchange.sent_bytes == len(_BODY)


def test_a_stopped_server_refuses_and_starts_again_on_its_port(authority: Authority) -> None:
    server = _Echo(certificate=authority.issue())
    with server:
        port = server.port
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, verify=authority.trust(), trust_env=False)
    with server:
        assert server.port == port
        answer = httpx.get(server.url, verify=authority.trust(), trust_env=False, timeout=60)
        assert answer.is_success


def test_who_does_not_know_the_authority_gets_no_answer(echo: _Echo) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(echo.url, trust_env=False)
