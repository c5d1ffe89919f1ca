"""The control plane: requests whose answers are small and read whole (httpx).

For token realms and factories. A registry's manifests are asked for by the hundred: those go over
`wire`, which takes a tenth of the time for each. httpx is imported when it is first needed.
One attempt a call; repeating is the caller's, who knows what is safe to repeat.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from airgap.net.answer import MAX_ANSWER_BYTES, Answer, too_large, without_encoding
from airgap.net.failure import unreachable
from airgap.net.proxy import Proxy, proxy_for
from airgap.net.redirect import follow_redirects
from airgap.net.tls import context_for
from airgap.net.traffic import Traffic

if TYPE_CHECKING:
    import httpx

__all__ = ["Session"]

_Way = tuple[ssl.SSLContext, Proxy | None]
_TIMEOUT_S = 30.0
_CONNECT_S = 10.0
# They write whole URLs and headers, signatures and tokens among them, for whoever asks for INFO.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Session:
    """Connections to peers, with bounded answers and hand-made redirects. Thread-safe.

    Args:
        tls: Whom to trust; a context of `client_context` brings each host's client certificates.
        traffic: The run's; unlimited and uncounted by default.
    """

    def __init__(self, tls: ssl.SSLContext, traffic: Traffic | None = None) -> None:
        self._tls = tls
        self._traffic = traffic or Traffic(most_per_host=None)
        self._ways: dict[tuple[str, str], _Way] = {}
        self._clients: dict[_Way, httpx.Client] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            clients = list(self._clients.values())
            self._clients.clear()
        for client in clients:
            client.close()

    def __enter__(self) -> Self:
        """Enter."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Answer:
        """Send one request and read its answer; GET and HEAD follow redirects.

        Raises:
            UpstreamError: No complete answer, one above `max_bytes`, or a redirect not to follow.
        """
        return follow_redirects(
            lambda target, sent: self._send_once(method, target, sent, content, max_bytes),
            method,
            url,
            headers or {},
        )

    def _send_once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        max_bytes: int,
    ) -> Answer:
        with self._traffic.attempt(url):
            answer = self._exchange(method, url, headers, content, max_bytes)
            self._traffic.observe(url, answer.headers)
            self._traffic.push_back(url, answer.refusal())
            return answer

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        max_bytes: int,
    ) -> Answer:
        import httpx

        traffic = self._traffic
        fields = {"Accept-Encoding": "identity", **headers}
        traffic.counts.requested()
        traffic.pace.take(len(content or b""))
        body = bytearray()
        try:
            client = self._client(url)
            with client.stream(method, url, headers=fields, content=content) as response:
                traffic.counts.sent(len(content or b""))
                for chunk in response.iter_raw():
                    traffic.pace.take(len(chunk))
                    traffic.counts.received(len(chunk))
                    body += chunk
                    if len(body) > max_bytes:
                        raise too_large(url, max_bytes)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise unreachable(url, error) from error
        stated = {name.lower(): value for name, value in response.headers.items()}
        return Answer(
            method=method,
            url=url,
            status=response.status_code,
            headers=stated,
            body=without_encoding(url, response.status_code, stated, bytes(body)),
        )

    def _client(self, url: str) -> httpx.Client:
        """Return the client for a URL: one for each way that hosts are reached."""
        parts = urlsplit(url)
        with self._lock:
            way = self._ways.get((parts.scheme, parts.netloc))
            if way is None:  # the environment and the disk are looked at once for each host
                way = (context_for(self._tls, parts.netloc), proxy_for(url))
                self._ways[parts.scheme, parts.netloc] = way
            if way not in self._clients:
                self._clients[way] = _connect(*way)
            return self._clients[way]


def _connect(tls: ssl.SSLContext, proxy: Proxy | None) -> httpx.Client:
    import httpx

    limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
    by = httpx.Proxy(proxy.url, headers=proxy.headers) if proxy is not None else None
    # The environment is read by `proxy_for`, so that both planes take the same way.
    return httpx.Client(
        verify=tls,
        timeout=httpx.Timeout(_TIMEOUT_S, connect=_CONNECT_S),
        limits=limits,
        trust_env=False,
        proxy=by,
    )
