"""A small HTTP answer, read whole and bounded; and how redirects lead to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from airgap.errors import UpstreamError, redact
from airgap.net.failure import refused
from airgap.net.redirect import MAX_REDIRECTS, REDIRECTS, follow, headers_for

__all__ = ["MAX_ANSWER_BYTES", "Answer", "follow_redirects", "too_large", "without_encoding"]

MAX_ANSWER_BYTES = 8 * 1024 * 1024


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


def follow_redirects(
    ask: Callable[[str, Mapping[str, str]], Answer],
    method: str,
    url: str,
    headers: Mapping[str, str],
) -> Answer:
    """Ask, and follow where GET and HEAD are led; credentials go to no other origin.

    Args:
        ask: Asks a URL with headers.
        method: What it asks by.
        url: Where to begin.
        headers: For the first origin.

    Raises:
        UpstreamError: Too many redirects, or one not to follow.
    """
    target = url
    for _ in range(MAX_REDIRECTS + 1):
        answer = ask(target, headers_for(target, url, headers))
        if answer.status not in REDIRECTS or method not in ("GET", "HEAD"):
            return answer
        target = follow(target, answer.headers.get("location", ""))
    raise UpstreamError(f"{redact(url)}: more than {MAX_REDIRECTS} redirects")


def too_large(url: str, max_bytes: int) -> UpstreamError:
    """Return the error for an answer above its bound."""
    return UpstreamError(f"{redact(url)}: the answer is larger than {max_bytes} bytes")


def without_encoding(url: str, status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a body as it is: nothing is ever decompressed, so nothing can swell.

    Raises:
        UpstreamError: It was encoded, though asked for as it is.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower() or "identity"
    if encoding == "identity" or not body:
        return body
    if status < 300:
        raise UpstreamError(
            f"{redact(url)}: sent with Content-Encoding {encoding[:40]}, though asked for as it is",
            hint="a proxy or server between compresses what it must not",
        )
    return b""  # of a refusal only the words are lost
