"""The control plane: requests whose answers are small and read whole (httpx).

One attempt a call; repeating is the caller's, who knows what is safe to repeat.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import httpx

from airgap.errors import UpstreamError, redact
from airgap.net.failure import refused, unreachable
from airgap.net.redirect import MAX_REDIRECTS, REDIRECTS, follow, headers_for

__all__ = ["MAX_ANSWER_BYTES", "Answer", "Session"]

MAX_ANSWER_BYTES = 8 * 1024 * 1024
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
# A proxy named in the environment never stands between this machine and itself.
_DIRECT = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, whole; header names are lower-case."""

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def refusal(self) -> UpstreamError:
        """Return the error this answer means when its status is not the one hoped for."""
        return refused(self.method, self.url, self.status, self.headers, self.body)


class Session:
    """Connections to peers, with bounded answers and hand-made redirects. Thread-safe."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
        self._client = httpx.Client(
            verify=tls, timeout=_TIMEOUT, limits=limits, trust_env=True, mounts=_DIRECT
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

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
        target = url
        for _ in range(MAX_REDIRECTS + 1):
            sent = headers_for(target, url, headers or {})
            answer = self._send_once(method, target, sent, content, max_bytes)
            if answer.status not in REDIRECTS or method not in ("GET", "HEAD"):
                return answer
            target = follow(target, answer.headers.get("location", ""))
        raise UpstreamError(f"{redact(url)}: more than {MAX_REDIRECTS} redirects")

    def _send_once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        max_bytes: int,
    ) -> Answer:
        try:
            with self._client.stream(method, url, headers=headers, content=content) as response:
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > max_bytes:
                        raise UpstreamError(
                            f"{redact(url)}: the answer is larger than {max_bytes} bytes"
                        )
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise unreachable(url, error) from error
        fields = {name.lower(): value for name, value in response.headers.items()}
        return Answer(
            method=method, url=url, status=response.status_code, headers=fields, body=bytes(body)
        )
