"""The server as a process sees it: TLS, stopping, silent clients, logs, cut transfers."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from airgap.errors import IntegrityError, PublishError
from airgap.serve import Server
from airgap.serve.files import FileBody
from airgap.serve.ranges import Part
from airgap.store import Store

if TYPE_CHECKING:
    from tests.serve.conftest import Ask, HandLayout

PATH = "/v2/ghcr.io/siderolabs/kubelet/manifests/v1.34.1"


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_files(tmp_path: Path, authority: trustme.CA) -> tuple[Path, Path]:
    issued = authority.issue_cert("127.0.0.1", "localhost")
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    return certificate, key


@pytest.fixture
def tls_server(hand_layout: HandLayout, tls_files: tuple[Path, Path]) -> Iterator[Server]:
    with Server(Store.open(hand_layout.root), "127.0.0.1", 0, tls=tls_files) as server:
        yield server


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


def get(server: Server, path: str, context: ssl.SSLContext) -> tuple[int, bytes]:
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port_of(server), context=context, timeout=60
    )
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_manifest_and_large_blob_over_tls(tls_server: Server, trusting: ssl.SSLContext) -> None:
    assert tls_server.url.startswith("https://127.0.0.1:")
    assert get(tls_server, PATH, trusting)[0] == 200
    layer = b"0123456789" * 300_000
    blob = f"/v2/ghcr.io/siderolabs/kubelet/blobs/sha256:{hashlib.sha256(layer).hexdigest()}"
    assert get(tls_server, blob, trusting) == (200, layer)


@pytest.mark.parametrize(("first", "last"), [(0, 0), (1, 2_999_999), (2_000_000, 2_700_000)])
def test_part_of_a_large_blob_over_tls(
    tls_server: Server, trusting: ssl.SSLContext, first: int, last: int
) -> None:
    layer = b"0123456789" * 300_000
    blob = f"/v2/ghcr.io/siderolabs/kubelet/blobs/sha256:{hashlib.sha256(layer).hexdigest()}"
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port_of(tls_server), context=trusting, timeout=60
    )
    connection.request("GET", blob, headers={"Range": f"bytes={first}-{last}"})
    response = connection.getresponse()
    assert (response.status, response.read()) == (206, layer[first : last + 1])
    connection.close()


def test_client_without_our_authority_refuses_the_server(tls_server: Server) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        get(tls_server, PATH, ssl.create_default_context())


def test_tls_before_1_2_is_refused(tls_server: Server, trusting: ssl.SSLContext) -> None:
    trusting.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.1, which is the point
        trusting.minimum_version = ssl.TLSVersion.TLSv1
        trusting.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        get(tls_server, PATH, trusting)


def test_silent_and_plain_clients_hold_up_nobody(
    tls_server: Server, trusting: ssl.SSLContext
) -> None:
    address = ("127.0.0.1", port_of(tls_server))
    silent = [socket.create_connection(address) for _ in range(8)]
    with socket.create_connection(address, timeout=60) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert get(tls_server, PATH, trusting)[0] == 200
    for connection in silent:
        connection.close()


def _hang_up_before_the_handshake(_raw: socket.socket, _context: ssl.SSLContext) -> None:
    pass


def _hang_up_in_the_request(raw: socket.socket, context: ssl.SSLContext) -> None:
    with context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
        connection.sendall(b"GET /v2/ HT")


def _hang_up_in_the_response(raw: socket.socket, context: ssl.SSLContext) -> None:
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    layer = hashlib.sha256(b"0123456789" * 300_000).hexdigest()
    blob = f"/v2/ghcr.io/siderolabs/kubelet/blobs/sha256:{layer}"
    with context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
        connection.sendall(f"GET {blob} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        connection.recv(1000)


def _speak_no_tls_any_more(raw: socket.socket, context: ssl.SSLContext) -> None:
    with raw.dup() as below, context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
        below.sendall(b"no record of TLS")
        connection.settimeout(10)
        with suppress(OSError):  # an alert, or the end
            connection.recv(1000)


@pytest.mark.parametrize(
    "misbehave",
    [
        _hang_up_before_the_handshake,
        _hang_up_in_the_request,
        _hang_up_in_the_response,
        _speak_no_tls_any_more,
    ],
)
def test_client_that_breaks_tls_off_is_one_quiet_line(
    misbehave: Callable[[socket.socket, ssl.SSLContext], None],
    hand_layout: HandLayout,
    tls_files: tuple[Path, Path],
    trusting: ssl.SSLContext,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="airgap.serve.server")
    caplog.set_level(logging.INFO, logger="airgap.serve.tls")
    with Server(Store.open(hand_layout.root), "127.0.0.1", 0, tls=tls_files) as server:
        caplog.clear()
        with socket.create_connection(("127.0.0.1", port_of(server)), timeout=60) as raw:
            misbehave(raw, trusting)
        assert get(server, PATH, trusting)[0] == 200
    said = [entry for entry in caplog.records if entry.name != "airgap.serve.access"]
    assert [(entry.levelname, entry.exc_info) for entry in said] in ([], [("INFO", None)])
    assert all(entry.getMessage().startswith("127.0.0.1: ") for entry in said)


def test_unusable_certificate_is_refused_before_binding(
    hand_layout: HandLayout, tmp_path: Path
) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(PublishError, match=r"bad\.pem"):
        Server(
            Store.open(hand_layout.root),
            "127.0.0.1",
            0,
            tls=(tmp_path / "bad.pem", tmp_path / "bad.pem"),
        )


def test_taken_port_is_a_publish_error(served: Server, hand_layout: HandLayout) -> None:
    other = Server(Store.open(hand_layout.root), "127.0.0.1", port_of(served))
    with pytest.raises(PublishError, match="cannot be bound"):
        other.start()


def test_stopped_server_leaves_no_thread_and_no_port(hand_layout: HandLayout) -> None:
    before = set(threading.enumerate())
    server = Server(Store.open(hand_layout.root), "127.0.0.1", 0)
    server.start()
    port = port_of(server)
    idle = socket.create_connection(("127.0.0.1", port))
    server.stop()
    idle.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_connection_is_kept_for_the_next_request(served: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(served), timeout=60)
    sockets = set()
    for method, path in (("HEAD", PATH), ("GET", PATH), ("GET", "/v1/none"), ("GET", "/healthz")):
        connection.request(method, path)
        connection.getresponse().read()
        assert connection.sock is not None
        sockets.add(connection.sock.getsockname())
    connection.close()
    assert len(sockets) == 1


def test_large_body_is_refused_unread(served: Server) -> None:
    with socket.create_connection(("127.0.0.1", port_of(served)), timeout=60) as connection:
        connection.sendall(
            b"PUT /v2/x/manifests/y HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")  # RFC 9110, 15.5.14


def test_each_request_is_logged_on_one_line(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="airgap.serve.access")
    ask("/v1/%0aforged?x=%0d", method="HEAD")
    (record,) = [entry for entry in caplog.records if entry.name == "airgap.serve.access"]
    assert record.getMessage().startswith('127.0.0.1 "HEAD /v1/%0aforged?x=%0d" 404')
    assert "\n" not in record.getMessage()


def test_file_that_shrinks_while_it_is_sent_cuts_the_transfer(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(bytes(3 * 1024 * 1024))
    body = FileBody(os.open(path, os.O_RDONLY), Part(start=0, length=3 * 1024 * 1024))
    pieces = iter(body)
    next(pieces)
    os.truncate(path, 1024 * 1024)
    with pytest.raises(IntegrityError):
        next(pieces)
    body.close()
    body.close()


class _Half:
    """Sends half of what it is asked to: the file ended there."""

    def send_file(self, descriptor: int, start: int, length: int) -> int:  # noqa: ARG002
        return length // 2


def test_file_that_ends_while_the_kernel_sends_it_cuts_the_transfer(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(bytes(100))
    body = FileBody(os.open(path, os.O_RDONLY), Part(start=0, length=100), _Half())
    with pytest.raises(IntegrityError, match="ended at byte 50"):
        list(body)
    body.close()
