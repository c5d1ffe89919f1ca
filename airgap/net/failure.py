"""Turn what went wrong on the wire into an `UpstreamError` a person can act on.

Complete over the lower layers: a test holds that each of httpx' transport errors and each of the
standard library's connection errors ends here with a decision on whether to repeat.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from airgap.errors import AirgapError, UpstreamError, redact
from airgap.net.quota import read_quota
from airgap.net.retry import (
    LONGEST_ASKED_WAIT_S,
    RETRYABLE,
    describe_wait,
    parse_retry_after,
)

__all__ = [
    "WIRE_ERRORS",
    "StoppedError",
    "UnauthorizedError",
    "is_timeout",
    "refuse_page",
    "refused",
    "unreachable",
]

WIRE_ERRORS = (OSError, http.client.HTTPException)
_DETAIL_CHARS = 300
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_SECRET = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{6,}", re.IGNORECASE)
# What OpenSSL names a server's alert when it wants to know us (RFC 8446, 6.2).
_NOT_WELCOME = frozenset(
    {
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_UNKNOWN_CA",
    }
)
_NO_ENTRY = re.compile(r"^(?:Tunnel connection failed: )?(?:407|403|405)\b")


class UnauthorizedError(UpstreamError):
    """A 401; `challenge` is the WWW-Authenticate header (RFC 9110, 11.6.1).

    It is of whoever answered at `url`, which a redirect may have led to: credentials of another
    origin are nothing to him.
    """

    challenge = ""
    url = ""


class StoppedError(AirgapError):
    """The run was ended on purpose while this was under way; never repeated."""

    def __init__(self) -> None:
        super().__init__("stopped")


def is_timeout(error: BaseException | None) -> bool:
    """Tell whether an error comes from a peer that took too long."""
    return any(
        isinstance(e, TimeoutError) or _is_httpx(e, "TimeoutException") for e in _causes(error)
    )


def unreachable(url: str, error: Exception) -> UpstreamError:
    """Return the error for a request that got no complete answer."""
    for cause in _causes(error):
        refusal = _unwelcome(url, cause)
        if refusal is not None:
            return refusal
    # Their texts quote the query.
    if isinstance(error, http.client.InvalidURL) or _is_httpx(error, "InvalidURL"):
        return UpstreamError(f"{redact(url)}: this is no URL that can be asked for")
    reason = _scrub(str(error)) or type(error).__name__
    permanent = _is_httpx(error, "UnsupportedProtocol")
    return UpstreamError(f"{redact(url)}: {reason}", retryable=not permanent)


def refused(
    method: str, url: str, status: int, headers: Mapping[str, str], body: bytes
) -> UpstreamError:
    """Return the error for an answer whose status is not what was hoped for.

    `url` is that of the answer, not the one whose redirect led to it.
    """
    if 200 <= status < 300 and _is_page(headers):
        return _page(url)
    detail = _detail(headers, body)
    message = f"{method} {redact(url)}: status {status}" + (f": {detail}" if detail else "")
    wait = _asked_wait(status, headers)
    if wait is not None and wait > LONGEST_ASKED_WAIT_S:
        message += f"; it asked for no more {describe_wait(wait)}"
    error = UnauthorizedError if status == 401 else UpstreamError
    refusal = error(message, status=status, retryable=status in RETRYABLE, retry_after_s=wait)
    if isinstance(refusal, UnauthorizedError):
        refusal.challenge = headers.get("www-authenticate", "")
        refusal.url = url
    if _REQUEST_ID.fullmatch(stated := headers.get("x-request-id", "")):
        refusal.request_id = stated
    return refusal


def refuse_page(url: str, headers: Mapping[str, str]) -> None:
    """Refuse an HTML page where content was asked for.

    Raises:
        UpstreamError: The answer is a page for people: a login, a captive portal, a proxy.
    """
    if _is_page(headers):
        raise _page(url)


def _is_page(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html"


def _page(url: str) -> UpstreamError:
    return UpstreamError(
        f"{redact(url)} answered with an HTML page instead of content",
        hint="a login page, proxy or captive portal stands between here and the server",
    )


def _unwelcome(url: str, cause: BaseException) -> UpstreamError | None:
    """Return the error for what is the same however often it is tried; None for all else."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    if isinstance(cause, ssl.SSLCertVerificationError):
        return UpstreamError(
            f"{redact(url)}: the server's certificate is not trusted: {cause.verify_message}",
            hint="give the authority that signed it as caFile, or add it to the machine's trust or "
            f"to certs.d/{host}",
        )
    if isinstance(cause, ssl.SSLError) and getattr(cause, "reason", "") in _NOT_WELCOME:
        return UpstreamError(
            f"{redact(url)}: the server does not take this machine without another client "
            f"certificate: {cause.reason}",
            hint=f"put client.cert and client.key into certs.d/{host}, or replace what is there",
        )
    is_proxy = isinstance(cause, OSError) or _is_httpx(cause, "ProxyError")
    if is_proxy and _NO_ENTRY.match(str(cause)):
        return UpstreamError(
            f"{redact(url)}: the proxy refused: {cause}",
            hint="give its user and password in HTTPS_PROXY, or name the host in NO_PROXY",
        )
    return None


def _is_httpx(error: BaseException, name: str) -> bool:
    """Tell whether an error is one of httpx', which is not imported for this."""
    return any(
        base.__name__ == name and base.__module__.partition(".")[0] == "httpx"
        for base in type(error).__mro__
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Go through an error and what it came from (httpx wraps each twice)."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _asked_wait(status: int, headers: Mapping[str, str]) -> float | None:
    """Return how long a peer wants to be left alone: Retry-After, else its used-up rate limit."""
    asked = parse_retry_after(headers.get("retry-after", ""))
    if asked is not None or status != 429:
        return asked
    quota = read_quota(headers)
    if quota is None or quota.remaining > 0:
        return None
    return quota.window_s if quota.reset_s is None else quota.reset_s


def _scrub(text: str) -> str:
    """Take credentials out of words that are not ours: some servers echo what they were sent."""
    return _SECRET.sub(r"\1 …", text)


def _detail(headers: Mapping[str, str], body: bytes) -> str:
    """Return the peer's own words: the specification's error JSON, else the text's beginning."""
    if headers.get("content-type", "").startswith("text/html"):
        return "an HTML page"
    try:
        document = json.loads(body)
        errors = document["errors"]
        words = [f"{item.get('code', '')} {item.get('message', '')}".strip() for item in errors]
        return _scrub("; ".join(words))[:_DETAIL_CHARS]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _scrub(body.decode("utf-8", "replace").strip())[:_DETAIL_CHARS]
