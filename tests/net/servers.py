"""Two peers the lab has not: a server that demands client certificates, and a forward proxy."""

from __future__ import annotations

import base64
import http.client
import select
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import trustme

__all__ = ["Demanding", "ForwardProxy", "running"]


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of handshakes that failed on purpose."""


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[ThreadingHTTPServer]:
    """Serve until the block ends."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Demanding(_Server):
    """A TLS server; a client's certificate has to be signed by its authority.

    GET answers with the common name of the client; `redirect` sends it elsewhere.
    """

    def __init__(self, directory: Path, *, demands: bool = True) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.authority = trustme.CA()
        self.ca = self.authority.cert_pem.bytes().decode()
        self.redirect = ""
        self.seen: list[str] = []
        self._directory = directory
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1").configure_cert(self._tls)
        self.authority.configure_trust(self._tls)
        self._tls.verify_mode = ssl.CERT_REQUIRED if demands else ssl.CERT_OPTIONAL
        super().__init__(("127.0.0.1", 0), _Greeter)

    @property
    def host(self) -> str:
        """`127.0.0.1:port`."""
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        """`https://127.0.0.1:port`."""
        return f"https://{self.host}"

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept; the handshake is made in the connection's own thread."""
        connection, address = super().get_request()
        wrapped = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return wrapped, address

    def issue(self, name: str, place: Path, *, password: bytes = b"") -> None:
        """Write a client's certificate and key into a `certs.d` directory."""
        from cryptography.hazmat.primitives import serialization as pem

        place.mkdir(parents=True, exist_ok=True)
        client = self.authority.issue_cert(f"{name}@site.example", common_name=name)
        (place / "client.cert").write_bytes(client.cert_chain_pems[0].bytes())
        key = client.private_key_pem.bytes()
        if password:
            key = pem.load_pem_private_key(key, None).private_bytes(
                pem.Encoding.PEM,
                pem.PrivateFormat.PKCS8,
                pem.BestAvailableEncryption(password),
            )
        (place / "client.key").write_bytes(key)


class _Greeter(_Quiet):
    def do_GET(self) -> None:
        assert isinstance(self.server, Demanding)
        assert isinstance(self.connection, ssl.SSLSocket)
        subject = (self.connection.getpeercert() or {}).get("subject", ())
        names = [value for part in subject for key, value in part if key == "commonName"]  # type: ignore[str-unpack]  # typeshed's is wider
        body = "".join(map(str, names)).encode()
        self.server.seen.append(body.decode())
        self.send_response(307 if self.server.redirect else 200)
        if self.server.redirect:
            self.send_header("Location", self.server.redirect)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class ForwardProxy(_Server):
    """A proxy for plain requests (absolute form) and CONNECT (RFC 9112, 3.2.2 and 9110, 9.3.6).

    Args:
        names: Where hosts are, by `host:port`: the client must not resolve them.
        user: `name:password` that has to be given; anybody may pass when empty.
    """

    def __init__(self, names: Mapping[str, tuple[str, int]], *, user: str = "") -> None:
        self.names = dict(names)
        self.user = user
        self.seen: list[str] = []
        super().__init__(("127.0.0.1", 0), _Forwarder)

    def url(self, userinfo: str = "") -> str:
        """`http://[user:password@]127.0.0.1:port`."""
        return f"http://{userinfo}{'@' if userinfo else ''}127.0.0.1:{self.server_port}"


class _Forwarder(_Quiet):
    def do_CONNECT(self) -> None:
        assert isinstance(self.server, ForwardProxy)
        self.server.seen.append(f"CONNECT {self.path}")
        self.close_connection = True
        if self._is_refused():
            return
        with socket.create_connection(self.server.names[self.path], timeout=60) as upstream:
            self.send_response(200, "Connection established")
            self.end_headers()
            self._relay(upstream)

    def do_GET(self) -> None:
        assert isinstance(self.server, ForwardProxy)
        self.server.seen.append(f"GET {self.path}")
        if self._is_refused():
            return
        parts = urlsplit(self.path)
        host, port = self.server.names[f"{parts.hostname}:{parts.port or 80}"]
        connection = http.client.HTTPConnection(host, port, timeout=60)
        connection.request("GET", parts.path, headers={"Host": parts.netloc})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _is_refused(self) -> bool:
        assert isinstance(self.server, ForwardProxy)
        wanted = "Basic " + base64.b64encode(self.server.user.encode()).decode()
        if not self.server.user or self.headers.get("Proxy-Authorization") == wanted:
            return False
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="site"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def _relay(self, upstream: socket.socket) -> None:
        ends = {self.connection: upstream, upstream: self.connection}
        while True:
            ready, _, _ = select.select(list(ends), [], [], 5)
            for end in ready:
                data = end.recv(65536)
                if not data:
                    return
                ends[end].sendall(data)
            if not ready:
                return
