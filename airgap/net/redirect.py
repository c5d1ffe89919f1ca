"""Where a redirect may lead, and what goes along.

Bounded, never from https to http, and no credentials to another origin: the mistakes that other
clients had to fix later (regclient's security fixes name all three).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from airgap.errors import UpstreamError, redact

__all__ = ["MAX_REDIRECTS", "REDIRECTS", "follow", "headers_for", "is_same_origin"]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}


def follow(url: str, location: str) -> str:
    """Return the absolute URL that a Location header leads to.

    Raises:
        UpstreamError: There is no location, it leaves http(s), or it gives up TLS.
    """
    if not location:
        raise UpstreamError(f"{redact(url)} redirects without saying where")
    try:
        target = urljoin(url, location)
        _origin(target)
    except ValueError:  # a port or an address that is none; the text may hold a signature
        raise UpstreamError(f"{redact(url)} redirects to what is no URL") from None
    scheme = urlsplit(target).scheme
    if scheme not in _PORTS:
        raise UpstreamError(f"{redact(url)} redirects to {redact(target)}, which is not http(s)")
    if scheme == "http" and urlsplit(url).scheme == "https":
        raise UpstreamError(
            f"{redact(url)} leads to {redact(target)}: refused to go on without TLS",
            hint="the server behind a TLS proxy has to know its public URL (X-Forwarded-Proto)",
        )
    return target


def is_same_origin(first: str, second: str) -> bool:
    """Tell whether scheme, host and port of two URLs are the same."""
    return _origin(first) == _origin(second)


def headers_for(url: str, origin: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers to send to `url`: no Authorization unless it is the same origin."""
    if is_same_origin(url, origin):
        return dict(headers)
    return {name: value for name, value in headers.items() if name.lower() != "authorization"}


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)
