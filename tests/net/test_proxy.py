"""Proxies of the environment, for both planes, through a real one on loopback.

The names are the proxy's to resolve: the egress guard would refuse to look them up here. Rules of
`NO_PROXY`: Go's golang.org/x/net/http/httpproxy, which the container tools use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from werkzeug.wrappers import Request, Response

from airgap.errors import UpstreamError
from airgap.net import Session, Wire, client_context
from airgap.net.proxy import proxy_for
from lab.server import Simulator
from lab.tls import Authority
from tests.net.servers import ForwardProxy, running

Ask = Callable[[str, str | None], bytes]
USER = "site:p@ss/w\u00f6rd-MARKED"
USERINFO = "site:p%40ss%2Fw%C3%B6rd-MARKED"


class Listener(Simulator):
    """Answers everything, and keeps what came."""

    def respond(self, request: Request) -> Response:
        return Response(request.host.encode())


def by_session(url: str, ca: str | None) -> bytes:
    with Session(client_context(ca)) as session:
        answer = session.send("GET", url)
        return answer.body if answer.status == 200 else str(answer.refusal()).encode()


def by_wire(url: str, ca: str | None) -> bytes:
    with (
        closing(Wire(client_context(ca))) as wire,
        wire.open("GET", url, headers={}) as exchange,
    ):
        return exchange.response.read() if exchange.status == 200 else str(exchange.status).encode()


both = pytest.mark.parametrize("ask", [by_session, by_wire])


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def site(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: str
) -> Iterator[tuple[ForwardProxy, str]]:
    authority = Authority(tmp_path / "ca")
    with ExitStack() as stack:
        plain = stack.enter_context(Listener())
        secure = stack.enter_context(Listener(certificate=authority.issue("r.example")))
        proxy = ForwardProxy(
            {
                "r.example:80": ("127.0.0.1", plain.port),
                "r.example:443": ("127.0.0.1", secure.port),
                "r.example:5000": ("127.0.0.1", secure.port),
            },
            user=user,
        )
        stack.enter_context(running(proxy))
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url(USERINFO if user else ""))
        yield proxy, authority.ca_file.read_text()


@both
@pytest.mark.parametrize("user", ["", USER])
def test_plain_http_goes_through_the_proxy(
    ask: Ask, user: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with site(monkeypatch, tmp_path, user) as (proxy, _):
        assert ask("http://r.example/v2/", None) == b"r.example"
        assert proxy.seen == ["GET http://r.example/v2/"]


@both
@pytest.mark.parametrize("user", ["", USER])
@pytest.mark.parametrize("host", ["r.example", "r.example:5000"])
def test_https_goes_through_the_proxy_by_connect(
    ask: Ask, host: str, user: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with site(monkeypatch, tmp_path, user) as (proxy, ca):
        assert ask(f"https://{host}/v2/", ca) == host.encode()
        assert proxy.seen == [f"CONNECT {host if ':' in host else host + ':443'}"]


@both
def test_server_behind_a_proxy_is_verified(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other")
    with (
        site(monkeypatch, tmp_path, "") as (_, _ca),
        pytest.raises(UpstreamError, match="not trusted"),
    ):
        ask("https://r.example/", other.ca_file.read_text())


@both
def test_proxy_that_refuses_us_is_final_and_tells_no_password(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with site(monkeypatch, tmp_path, "another:one") as (proxy, ca):
        with pytest.raises(UpstreamError, match=r"the proxy refused.*407") as caught:
            ask("https://r.example/", ca)
        assert not caught.value.retryable
        assert "HTTPS_PROXY" in caught.value.hint
        assert "MARKED" not in caught.value.diagnostics()
        assert len(proxy.seen) == 1


def test_plain_and_tls_requests_through_one_proxy_never_share_a_connection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Same host, same proxy: what is meant for TLS must not go over the plain connection."""
    with site(monkeypatch, tmp_path, "") as (proxy, ca), closing(Wire(client_context(ca))) as wire:
        for url in ("http://r.example/a", "https://r.example/b", "http://r.example/c"):
            with wire.open("GET", url, headers={}) as exchange:
                assert exchange.response.read() == b"r.example"
        assert proxy.seen == [
            "GET http://r.example/a",
            "CONNECT r.example:443",
            "GET http://r.example/c",
        ]


@both
def test_loopback_is_always_direct(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with Listener() as server:
        assert ask(server.url, None) == server.host.encode()


@both
def test_proxy_of_a_kind_we_do_not_speak_is_told(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://u:MARKED@p.example:1080")
    with pytest.raises(UpstreamError, match=r"socks5://p\.example:1080") as caught:
        ask("https://r.example/", None)
    assert "MARKED" not in caught.value.diagnostics()


# The rules

PROXIES = {"http": "http://plain:3128", "https": "secure.example:8080", "all": "http://rest"}


@pytest.mark.parametrize(
    ("proxies", "url", "chosen"),
    [
        (PROXIES, "http://r.example/", "http://plain:3128"),
        (PROXIES, "https://r.example/", "http://secure.example:8080"),
        ({"all": "http://rest"}, "https://r.example/", "http://rest:80"),
        ({"http": "http://plain:1"}, "https://r.example/", ""),
        ({"https": "http://[fd00::1]:3128"}, "https://r.example/", "http://[fd00::1]:3128"),
        ({}, "https://r.example/", ""),
    ],
)
def test_scheme_chooses_the_proxy(proxies: dict[str, str], url: str, chosen: str) -> None:
    proxy = proxy_for(url, proxies=proxies)
    assert (proxy.url if proxy is not None else "") == chosen


@pytest.mark.parametrize(
    ("exceptions", "url", "is_direct"),
    [
        ("*", "https://r.example/", True),
        ("r.example", "https://r.example/", True),
        ("R.Example", "https://r.example/", True),
        ("example", "https://r.example/", True),
        (".example", "https://r.example/", True),
        ("*.example", "https://r.example/", True),
        ("ample", "https://r.example/", False),
        ("other, r.example ", "https://r.example/", True),
        ("r.example:5000", "https://r.example:5000/", True),
        ("r.example:5000", "https://r.example/", False),
        ("r.example:443", "https://r.example/", True),
        ("10.0.0.0/8", "https://10.1.2.3:5000/", True),
        ("10.0.0.0/8", "https://11.1.2.3/", False),
        ("10.1.2.3", "https://10.1.2.3/", True),
        ("10.1.2.3:5000", "https://10.1.2.3:5000/", True),
        ("10.1.2.3:5000", "https://10.1.2.3/", False),
        ("fd00::/8", "https://[fd00::1]:5000/", True),
        ("[fd00::1]:5000", "https://[fd00::1]:5000/", True),
        ("2.3", "https://10.1.2.3/", False),
        ("", "https://r.example/", False),
        ("", "https://127.0.0.2/", True),
        ("", "https://[::1]:5000/", True),
        ("", "https://localhost/", True),
    ],
)
def test_exceptions(exceptions: str, url: str, is_direct: bool) -> None:
    found = proxy_for(url, proxies={"https": "http://p.example:1", "no": exceptions})
    assert (found is None) is is_direct


def test_lower_case_goes_before_upper_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://loud.example:1")
    monkeypatch.setenv("https_proxy", "http://quiet.example:2")
    proxy = proxy_for("https://r.example/")
    assert proxy is not None
    assert proxy.url == "http://quiet.example:2"
    monkeypatch.setenv("https_proxy", "")
    assert proxy_for("https://r.example/") is None


def test_header_of_a_cgi_request_is_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2016-5385 (httpoxy): `Proxy:` of a request arrives as HTTP_PROXY."""
    monkeypatch.setenv("HTTP_PROXY", "http://evil.example:1")
    assert proxy_for("http://r.example/") is not None
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    assert proxy_for("http://r.example/") is None


def test_no_proxy_shows_its_password() -> None:
    proxy = proxy_for("https://r.example/", proxies={"https": f"http://{USERINFO}@p.example:1"})
    assert "MARKED" not in repr(proxy)
    assert proxy is not None
    assert "MARKED" not in proxy.url
