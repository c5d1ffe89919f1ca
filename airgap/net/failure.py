"""Turn what went wrong on the wire into an `UpstreamError` a person can act on.

Complete over the lower layers: a test holds that each of httpx' transport errors and each of the
standard library's connection errors ends here with a decision on whether to repeat.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping

import httpx

from airgap.errors import UpstreamError, redact
from airgap.net.retry import RETRYABLE, parse_retry_after

__all__ = ["WIRE_ERRORS", "UnauthorizedError", "refuse_page", "refused", "unreachable"]

WIRE_ERRORS = (OSError, http.client.HTTPException, httpx.TransportError)
_DETAIL_CHARS = 300


class UnauthorizedError(UpstreamError):
    """A 401; `challenge` is the WWW-Authenticate header (RFC 9110, 11.6.1)."""

    challenge = ""


def unreachable(url: str, error: Exception) -> UpstreamError:
    """Return the error for a request that got no complete answer."""
    cause = _tls_failure(error)
    if cause is not None:
        return UpstreamError(
            f"{redact(url)}: the server's certificate is not trusted: {cause.verify_message}",
            hint="give the authority that signed it as caFile, or add it to the machine's trust",
        )
    reason = str(error) or type(error).__name__
    permanent = isinstance(error, (httpx.UnsupportedProtocol, http.client.InvalidURL))
    return UpstreamError(f"{redact(url)}: {reason}", retryable=not permanent)


def refused(
    method: str, url: str, status: int, headers: Mapping[str, str], body: bytes
) -> UpstreamError:
    """Return the error for an answer whose status is not what was hoped for."""
    detail = _detail(headers, body)
    message = f"{method} {redact(url)}: status {status}" + (f": {detail}" if detail else "")
    if status == 401:
        unauthorized = UnauthorizedError(message, status=status)
        unauthorized.challenge = headers.get("www-authenticate", "")
        return unauthorized
    return UpstreamError(
        message,
        status=status,
        retryable=status in RETRYABLE,
        retry_after_s=parse_retry_after(headers.get("retry-after", "")),
    )


def refuse_page(url: str, headers: Mapping[str, str]) -> None:
    """Refuse an HTML page where content was asked for.

    Raises:
        UpstreamError: The answer is a page for people: a login, a captive portal, a proxy.
    """
    if headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html":
        raise UpstreamError(
            f"{redact(url)} answered with an HTML page instead of content",
            hint="a login page, proxy or captive portal stands between here and the server",
        )


def _tls_failure(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Find a certificate failure in a chain of causes (httpx wraps it twice)."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _detail(headers: Mapping[str, str], body: bytes) -> str:
    """Return the peer's own words: the specification's error JSON, else the text's beginning."""
    if headers.get("content-type", "").startswith("text/html"):
        return "an HTML page"
    try:
        document = json.loads(body)
        errors = document["errors"]
        words = [f"{item.get('code', '')} {item.get('message', '')}".strip() for item in errors]
        return "; ".join(words)[:_DETAIL_CHARS]
    except (ValueError, KeyError, TypeError, AttributeError):
        return body[:_DETAIL_CHARS].decode("utf-8", "replace").strip()
