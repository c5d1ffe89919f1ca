"""Every lower-layer error has a decision; redirects and waits are bounded."""

from __future__ import annotations

import http.client
import re
import ssl
from contextlib import closing
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import UpstreamError
from airgap.net import RetryPolicy, client_context
from airgap.net.failure import WIRE_ERRORS, refused, unreachable
from airgap.net.redirect import follow, headers_for, is_same_origin
from airgap.net.retry import parse_retry_after
from airgap.net.wire import Wire
from lab.tls import Authority


def subclasses(base: type[BaseException]) -> set[type[BaseException]]:
    return {base}.union(*(subclasses(child) for child in base.__subclasses__()))


@pytest.mark.parametrize("error", sorted(subclasses(httpx.TransportError), key=str), ids=str)
def test_each_transport_error_of_httpx_becomes_ours(error: type[httpx.TransportError]) -> None:
    found = unreachable("https://u:p@r.example/v2/?sig=x", error("broken"))
    assert found.retryable is (error is not httpx.UnsupportedProtocol)
    assert str(found) == "https://r.example/v2/?…: broken"


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        BrokenPipeError(),
        TimeoutError("timed out"),
        http.client.RemoteDisconnected("closed"),
        http.client.IncompleteRead(b"", 5),
        ssl.SSLEOFError("eof"),
    ],
)
def test_each_connection_error_is_worth_another_try(error: Exception) -> None:
    assert isinstance(error, WIRE_ERRORS)
    assert unreachable("https://r.example", error).retryable


def test_untrusted_certificate_is_not_tried_again() -> None:
    error = ssl.SSLCertVerificationError("x")
    error.verify_message = "self-signed certificate"
    found = unreachable("https://r.example", error)
    assert not found.retryable
    assert "self-signed certificate" in str(found)


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        ("https://a.example/v2/x", "/y?z=1", "https://a.example/y?z=1"),
        ("https://a.example/v2/x", "https://b.example/y", "https://b.example/y"),
        ("http://a.example/v2/x", "https://b.example/y", "https://b.example/y"),
    ],
)
def test_redirect_is_followed(url: str, location: str, target: str) -> None:
    assert follow(url, location) == target


@pytest.mark.parametrize("location", ["", "http://a.example/", "file:///etc/passwd", "ftp://b/"])
def test_redirect_is_refused(location: str) -> None:
    with pytest.raises(UpstreamError):
        follow("https://a.example/", location)


@given(
    st.sampled_from(["http", "https"]),
    st.sampled_from(["a.example", "A.example", "b.example", "a.example.b.example"]),
    st.sampled_from(["", ":443", ":80", ":5000"]),
)
def test_credentials_go_to_the_same_origin_only(scheme: str, host: str, port: str) -> None:
    url = f"{scheme}://{host}{port}/x"
    is_origin = (scheme, host.lower()) == ("https", "a.example") and port in ("", ":443")
    sent = headers_for(url, "https://a.example/", {"authorization": "Basic x", "Range": "y"})
    assert ("authorization" in sent) is is_origin
    assert is_same_origin(url, "https://a.example/") is is_origin
    assert "Range" in sent


def test_retry_after_is_seconds_or_a_date() -> None:
    """RFC 9110, 10.2.3 gives both forms."""
    now = datetime(1999, 12, 31, 23, 59, 49, tzinfo=UTC)
    assert parse_retry_after("120") == 120
    assert parse_retry_after("Fri, 31 Dec 1999 23:59:59 GMT", now=now) == 10
    assert parse_retry_after("Fri, 31 Dec 1999 23:00:00 GMT", now=now) == 0
    assert parse_retry_after("soon") is None
    assert parse_retry_after("") is None


def test_own_waits_are_capped_and_attempts_counted() -> None:
    waits: list[float] = []
    repeats: list[int] = []
    policy = RetryPolicy(
        attempts=9, max_wait_s=2.0, sleep=waits.append, on_retry=lambda: repeats.append(1)
    )

    def fail() -> None:
        raise UpstreamError("busy", retryable=True)

    with pytest.raises(UpstreamError, match="busy"):
        policy.run(fail)
    assert len(waits) == len(repeats) == 8
    assert max(waits) <= 2.0


def test_wait_the_peer_asks_for_is_kept_whole() -> None:
    """RFC 9110, 10.2.3: how long the client ought to wait; knocking earlier is impolite."""
    waits: list[float] = []

    def fail() -> None:
        raise UpstreamError("busy", retryable=True, retry_after_s=120.0)

    with pytest.raises(UpstreamError, match="busy"):
        RetryPolicy(attempts=3, max_wait_s=9.0, sleep=waits.append).run(fail)
    assert waits == [120.0, 120.0]


@pytest.mark.parametrize(
    ("headers", "moment"),
    [
        ({"retry-after": "21600"}, 21600),
        ({"ratelimit-remaining": "0;w=21600"}, 21600),  # Docker Hub says no more than this
        ({"ratelimit": '"day";r=0;t=3600'}, 3600),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 366 * 86400),
        ({"retry-after": "9" * 400}, 366 * 86400),
    ],
)
def test_quota_beyond_our_patience_fails_at_once_and_says_until_when(
    headers: dict[str, str], moment: float
) -> None:
    waits: list[float] = []
    before = datetime.now(UTC)
    error = refused("GET", "https://hub.example/v2/a/manifests/x", 429, headers, b"slow down")

    def fail() -> None:
        raise error

    with pytest.raises(UpstreamError, match=r"429: slow down; it asked for no more before") as told:
        RetryPolicy(sleep=waits.append).run(fail)
    assert waits == []
    stated = re.search(r"before (\d{4}-\d\d-\d\d \d\d:\d\d) UTC", str(told.value))
    assert stated is not None
    until = datetime.strptime(stated[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert 0 <= (until - before).total_seconds() - moment < 120


def test_final_failure_is_not_repeated() -> None:
    waits: list[float] = []

    def fail() -> None:
        raise UpstreamError("no")

    with pytest.raises(UpstreamError, match="no"):
        RetryPolicy(sleep=waits.append).run(fail)
    assert waits == []


def test_certificate_that_is_none_is_told() -> None:
    with pytest.raises(UpstreamError, match="CA certificate"):
        client_context("no PEM")


def test_given_authority_replaces_the_machines(tmp_path_factory: pytest.TempPathFactory) -> None:
    authority = Authority(tmp_path_factory.mktemp("ca"))
    context = client_context(authority.ca_file.read_text())
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    "location", ["https://b.example:99999/?sig=MARKED", "https://[b/MARKED", "//[::1/x?MARKED"]
)
def test_redirect_to_no_url_is_our_error(location: str) -> None:
    with pytest.raises(UpstreamError, match="no URL") as caught:
        follow("https://a.example/", location)
    assert "MARKED" not in str(caught.value)


def test_text_of_a_broken_url_does_not_show_its_signature() -> None:
    """http.client and httpx quote the whole target in InvalidURL."""
    url = "http://127.0.0.1:9/x?X-Amz-Signature=MARKED and a space"
    with closing(Wire(client_context())) as wire, pytest.raises(UpstreamError) as caught:
        wire.open("GET", url, headers={})
    assert "MARKED" not in str(caught.value)
    assert not caught.value.retryable
    error = httpx.InvalidURL("bad character in 'https://r.example/?X-Amz-Signature=MARKED'")
    assert "MARKED" not in str(unreachable("https://r.example/?X-Amz-Signature=MARKED", error))


@pytest.mark.parametrize(
    "body",
    [
        b"your header was: Authorization: Basic c2l0ZTpNQVJLRUQ=",
        b'{"errors": [{"code": "X", "message": "bad token Bearer c2l0ZTpNQVJLRUQ="}]}',
        b"x" * 280 + b" Bearer c2l0ZTpNQVJLRUQ" * 3,
    ],
)
def test_credentials_a_server_echoes_are_not_told(body: bytes) -> None:
    for status in (400, 401, 500):
        found = refused("GET", "https://r.example/", status, {}, body)
        assert "c2l0" not in found.diagnostics()


def test_proxy_of_the_environment_is_not_used_for_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with (
        closing(Wire(client_context())) as wire,
        pytest.raises(UpstreamError, match=r"127\.0\.0\.1:9/"),
    ):
        wire.open("GET", "http://127.0.0.1:9/", headers={})
