"""A small HTTP answer, read whole and bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airgap.errors import UpstreamError, redact
from airgap.net.failure import refused

__all__ = ["MAX_ANSWER_BYTES", "Answer", "too_large", "without_encoding"]

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
