"""The egress guard itself."""

from __future__ import annotations

import socket

import pytest

__all__: list[str] = []


def test_a_connection_off_the_machine_fails_the_test() -> None:
    # 192.0.2.0/24 is TEST-NET-1 (RFC 5737): nothing answers there.
    with socket.socket() as client, pytest.raises(AssertionError, match="egress"):
        client.connect(("192.0.2.1", 443))


def test_a_public_name_is_not_looked_up() -> None:
    with pytest.raises(socket.gaierror, match="egress"):
        socket.getaddrinfo("registry.example.com", 443)


def test_loopback_stays_reachable() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()
