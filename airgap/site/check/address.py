"""Forms of hosts and URLs beyond what the schema's pattern can say."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from airgap.oci.reference import is_registry_host
from airgap.site.path import shown

__all__ = [
    "host_of",
    "is_host",
    "is_ip",
    "is_registry",
    "name_of",
    "origin",
    "path_of",
    "url_fault",
]

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
_PORT = re.compile(r":[0-9]+\Z")
_PORTS = {"http": "80", "https": "443"}
_MAX_PORT = 65535


def url_fault(url: str, *, path_allowed: bool) -> tuple[str, str] | None:
    """Return (message, hint) when a URL's host, port, path or end is not what can be used."""
    parts = _split(url)
    bare = f"{parts.scheme}://{parts.netloc}"
    if not _is_network_location(parts.netloc):
        return (
            f"{shown(parts.netloc or url)} is not a host[:port]",
            "expected a form such as example:5000",
        )
    if parts.path == "/" or (parts.path and not path_allowed):
        return f"has the path {parts.path!r}, expected none", f"write {bare}"
    if parts.path.endswith("/"):
        return "ends with a slash", f"write {url.rstrip('/')}"
    return None


def host_of(url: str) -> str:
    """Return `host[:port]` of a URL, in lower case and without user information."""
    return _split(url).netloc.rpartition("@")[2].lower()


def name_of(url: str) -> str:
    """Return the host of a URL without its port, in lower case."""
    try:
        return _split(url).hostname or ""
    except ValueError:
        return ""


def origin(url: str) -> str:
    """Return `scheme://host:port` of a URL with the port that is meant, to compare by."""
    parts = _split(url)
    host = host_of(url)
    bare = f"{host}:{_PORTS.get(parts.scheme, '')}"
    return f"{parts.scheme}://{host if _PORT.search(host) else bare}"


def path_of(url: str) -> str:
    """Return the path of a URL without slashes at its end; empty for the root."""
    return _split(url).path.rstrip("/")


def is_registry(text: str) -> bool:
    """Tell whether the text is a registry's `host[:port]`."""
    return is_registry_host(text) and _is_network_location(text)


def is_host(text: str) -> bool:
    """Tell whether the text is a host name or an address, without a port."""
    return is_ip(text) or (len(text) <= 253 and all(map(_LABEL.match, text.split("."))))


def is_ip(text: str) -> bool:
    """Tell whether the text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _split(url: str) -> SplitResult:
    """Part a URL; one that cannot be parted, such as `https://[x`, has no host and no path."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _is_network_location(text: str) -> bool:
    try:
        parts = urlsplit(f"//{text}")
        port = parts.port
    except ValueError:
        return False
    if text.endswith(":") or (port is not None and not 0 < port <= _MAX_PORT):
        return False
    return bool(parts.hostname) and is_host(parts.hostname or "")
