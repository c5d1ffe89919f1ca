"""Where a redirect may lead, and what goes along.

Bounded, never from https to http, and no credentials to another origin: the mistakes that other
clients had to fix later (regclient's security fixes name all three).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

from airgap.errors import UpstreamError, redact

__all__ = ["follow", "follow_redirects", "headers_for", "is_same_origin"]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_REDIRECTS = 5
_PORTS = {"http": 80, "https": 443}


class _Answered(Protocol):
    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


A = TypeVar("A", bound=_Answered)


def follow_redirects(
    ask: Callable[[str, Mapping[str, str]], A],
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    leave: Callable[[A], None] = lambda _: None,
) -> A:
    """Ask, and follow where GET and HEAD are led; credentials go to no other origin.

    Args:
        ask: Asks a URL with headers.
        method: What it asks by.
        url: Where to begin.
        headers: For the first origin.
        leave: Ends an answer that only led on.

    Raises:
        UpstreamError: Too many redirects, or one not to follow.
    """
    target = url
    for _ in range(MAX_REDIRECTS + 1):
        answer = ask(target, headers_for(target, url, headers))
        if answer.status not in REDIRECTS or method not in ("GET", "HEAD"):
            return answer
        leave(answer)
        target = follow(target, answer.headers.get("location", ""))
    raise UpstreamError(f"{redact(url)}: more than {MAX_REDIRECTS} redirects")


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
