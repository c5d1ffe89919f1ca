"""Every lower-layer error has a decision; redirects and waits are bounded."""

from __future__ import annotations

import http.client
import ssl
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import UpstreamError
from airgap.net import RetryPolicy, client_context
from airgap.net.failure import WIRE_ERRORS, unreachable
from airgap.net.redirect import follow, headers_for, is_same_origin
from airgap.net.retry import parse_retry_after
from airgap.net.wire import Wire
from lab.tls import Authority


def subclasses(base: type[BaseException]) -> set[type[BaseException]]:
    return {base}.union(*(subclasses(child) for child in base.__subclasses__()))


@pytest.mark.parametrize("error", sorted(subclasses(httpx.TransportError), key=str), ids=str)
def test_each_transport_error_of_httpx_becomes_ours(error: type[httpx.TransportError]) -> None:
    assert issubclass(error, WIRE_ERRORS)
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


def test_waits_are_capped_and_attempts_counted() -> None:
    waits: list[float] = []
    policy = RetryPolicy(attempts=4, max_wait_s=9.0, sleep=waits.append)

    def fail() -> None:
        raise UpstreamError("busy", retryable=True, retry_after_s=3600.0)

    with pytest.raises(UpstreamError, match="busy"):
        policy.run(fail)
    assert waits == [9.0, 9.0, 9.0]


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


def test_proxy_of_the_environment_is_not_used_for_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    wire = Wire(client_context())
    with pytest.raises(UpstreamError, match=r"127\.0\.0\.1:9/"):
        wire.open("GET", "http://127.0.0.1:9/", headers={})
    wire.close()
