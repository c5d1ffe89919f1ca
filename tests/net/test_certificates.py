"""Client certificates and private authorities by host, from `certs.d` (containers-certs.d(5)).

The server is a real TLS server that demands a certificate; the control plane (`Session`) and the
data plane (`Wire`) are held to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from airgap.errors import UpstreamError
from airgap.net import Session, Wire, client_context
from airgap.net.certificates import Material, find_material
from tests.net.servers import Demanding, running

Ask = Callable[[str, str | None], str]


def by_session(url: str, ca: str | None) -> str:
    with Session(client_context(ca)) as session:
        return session.send("GET", url).body.decode()


def by_wire(url: str, ca: str | None) -> str:
    with (
        closing(Wire(client_context(ca))) as wire,
        wire.open("GET", url, headers={}) as exchange,
    ):
        return exchange.response.read().decode()


both = pytest.mark.parametrize("ask", [by_session, by_wire])


@pytest.fixture
def certs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "certs.d"
    monkeypatch.setenv("AIRGAP_CERTS", str(directory))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return directory


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Demanding]:
    demanding = Demanding(tmp_path / "server")
    with running(demanding):
        yield demanding


@both
def test_client_certificate_is_shown_to_its_host(ask: Ask, server: Demanding, certs: Path) -> None:
    server.issue("airgap", certs / server.host)
    assert ask(server.url, server.ca) == "airgap"


@both
def test_authority_of_certs_d_is_trusted_where_the_site_names_none(
    ask: Ask, server: Demanding, certs: Path
) -> None:
    server.issue("airgap", certs / server.host)
    with pytest.raises(UpstreamError, match="not trusted"):
        ask(server.url, None)
    (certs / server.host / "ca.crt").write_text(server.ca)
    assert ask(server.url, None) == "airgap"


@both
def test_authority_of_the_site_goes_before_that_of_certs_d(
    ask: Ask, server: Demanding, certs: Path, tmp_path: Path
) -> None:
    server.issue("airgap", certs / server.host)
    (certs / server.host / "ca.crt").write_text(server.ca)
    other = Demanding(tmp_path / "other")
    other.server_close()
    with pytest.raises(UpstreamError, match="not trusted"):
        ask(server.url, other.ca)


@both
def test_missing_client_certificate_is_final_and_names_the_directory(
    ask: Ask, server: Demanding, certs: Path
) -> None:
    with pytest.raises(UpstreamError) as caught:
        ask(server.url, server.ca)
    assert not caught.value.retryable
    assert "client certificate" in caught.value.message
    assert f"certs.d/{server.host}" in caught.value.hint


@both
def test_replaced_certificate_is_used_from_then_on(
    ask: Ask, server: Demanding, certs: Path
) -> None:
    server.issue("first", certs / server.host)
    assert ask(server.url, server.ca) == "first"
    server.issue("second", certs / server.host)
    assert ask(server.url, server.ca) == "second"


def test_client_certificate_does_not_follow_a_redirect(tmp_path: Path, certs: Path) -> None:
    """The other host asks for a certificate too, and would take this one."""
    with (
        running(Demanding(tmp_path / "a")) as first,
        running(Demanding(tmp_path / "b", demands=False)) as second,
    ):
        assert isinstance(first, Demanding)
        assert isinstance(second, Demanding)
        second.authority = first.authority
        first.issue("airgap", certs / first.host)
        first.redirect = f"{second.url}/elsewhere"
        assert by_session(first.url, first.ca + second.ca) == ""
        assert first.seen == ["airgap"]
        assert second.seen == [""]


def test_certificate_for_another_port_is_not_shown(server: Demanding, certs: Path) -> None:
    server.issue("airgap", certs / "127.0.0.1:1")
    with pytest.raises(UpstreamError, match="client certificate"):
        by_wire(server.url, server.ca)


def test_key_with_a_password_is_an_error_and_asks_nobody(server: Demanding, certs: Path) -> None:
    server.issue("airgap", certs / server.host, password=b"MARKED")
    with pytest.raises(UpstreamError, match="cannot be used") as caught:
        by_wire(server.url, server.ca)
    assert "without a password" in caught.value.hint


def test_key_of_another_certificate_is_an_error(server: Demanding, certs: Path) -> None:
    server.issue("airgap", certs / server.host)
    key = (certs / server.host / "client.key").read_bytes()
    server.issue("airgap", certs / server.host)
    (certs / server.host / "client.key").write_bytes(key)
    with pytest.raises(UpstreamError, match=r"client\.cert: the client certificate cannot be used"):
        by_wire(server.url, server.ca)


# Which directory


@pytest.mark.parametrize(
    ("present", "missing"), [("client.cert", "client.key"), ("client.key", "client.cert")]
)
def test_half_a_pair_is_an_error(certs: Path, present: str, missing: str) -> None:
    place = certs / "r.example:5000"
    place.mkdir(parents=True)
    (place / present).write_text("x")
    with pytest.raises(UpstreamError, match=missing):
        find_material("r.example:5000")


@pytest.mark.parametrize("name", ["r.example", "r.example:443"])
@pytest.mark.parametrize("host", ["r.example", "r.example:443", "R.Example"])
def test_port_of_https_may_be_left_out(certs: Path, name: str, host: str) -> None:
    (certs / name).mkdir(parents=True)
    (certs / name / "ca.crt").write_text("authority")
    assert find_material(host).authorities == "authority"
    assert find_material("r.example:5000") == Material()


def test_first_directory_that_has_the_host_counts(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / ".config" / "containers" / "certs.d"
    environ = {"AIRGAP_CERTS": str(mine), "HOME": str(tmp_path)}
    (theirs / "r.example").mkdir(parents=True)
    (theirs / "r.example" / "ca.crt").write_text("theirs")
    assert find_material("r.example", environ=environ).authorities == "theirs"
    (mine / "r.example").mkdir(parents=True)
    assert find_material("r.example", environ=environ) == Material()
    (mine / "r.example" / "a.crt").write_text("a")
    (mine / "r.example" / "b.crt").write_text("b")
    assert find_material("r.example", environ=environ).authorities == "a\nb"


@pytest.mark.parametrize("host", ["", "..", "../x", "."])
def test_no_host_leaves_the_directory(tmp_path: Path, host: str) -> None:
    (tmp_path / "x.crt").write_text("outside")
    (tmp_path / "certs").mkdir()
    assert find_material(host, environ={"AIRGAP_CERTS": str(tmp_path / "certs")}) == Material()
