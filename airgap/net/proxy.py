"""Which proxy stands between this machine and a URL, from the environment.

`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, lower case first, as curl and Go read them;
`NO_PROXY` takes names (with their subdomains), `host:port`, addresses, networks (10.0.0.0/8) and
`*`. Loopback is always direct: a proxy never stands between this machine and itself.
"""

from __future__ import annotations

import ipaddress
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from airgap.errors import UpstreamError

__all__ = ["Proxy", "proxy_for"]

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy: `http://host:port`, and what it is told about us."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """The proxy without credentials."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What goes with each request to the proxy."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


def proxy_for(url: str, *, proxies: Mapping[str, str] | None = None) -> Proxy | None:
    """Return the proxy to reach a URL by; None: directly.

    Args:
        url: Where the request goes.
        proxies: By scheme, `all` and `no`; the environment's by default.

    Raises:
        UpstreamError: The environment names a proxy of a kind that is not spoken here.
    """
    found = _environment() if proxies is None else proxies
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    chosen = found.get(parts.scheme) or found.get("all", "")
    if not chosen or _is_loopback(host):
        return None
    port = parts.port or _PORTS.get(parts.scheme, 0)
    if any(_is_excepted(host, port, entry) for entry in found.get("no", "").split(",")):
        return None
    return _parse(chosen)


def _environment() -> dict[str, str]:
    """Read just what counts: `urllib`'s own reader goes through the whole environment each time."""
    found = {}
    for name in ("http", "https", "all", "no"):
        loud = os.environ.get(f"{name.upper()}_PROXY", "")
        found[name] = os.environ.get(f"{name}_proxy", loud)
    if "REQUEST_METHOD" in os.environ:  # in a CGI program it is a request's header (httpoxy)
        found["http"] = os.environ.get("http_proxy", "")
    return found


def _parse(text: str) -> Proxy:
    parts = urlsplit(text if "://" in text else f"http://{text}")
    where = parts.netloc.rpartition("@")[2]
    if parts.scheme != "http" or not parts.hostname:
        raise UpstreamError(
            f"the environment names a proxy {parts.scheme}://{where}: only http:// proxies are "
            "spoken to (https goes through them by CONNECT)",
            hint="set HTTP_PROXY and HTTPS_PROXY to http://host:port, or NO_PROXY for this host",
        )
    try:
        port = parts.port or 80
    except ValueError:
        raise UpstreamError(f"the environment names a proxy {where}: no such port") from None
    return Proxy(host=parts.hostname, port=port, authorization=_authorization(parts.netloc))


def _authorization(netloc: str) -> str:
    pair, at, _ = netloc.rpartition("@")
    if not at:
        return ""
    username, _, password = pair.partition(":")
    text = f"{unquote(username)}:{unquote(password)}"
    return "Basic " + b64encode(text.encode()).decode("ascii")


def _is_excepted(host: str, port: int, entry: str) -> bool:
    wanted = entry.strip().lower()
    if wanted == "*":
        return True
    name, colon, number = wanted.rpartition(":")
    if colon and number.isdigit() and (":" not in name or name.startswith("[")):
        if int(number) != port:
            return False
        wanted = name
    wanted = wanted.strip("[]").removeprefix("*")
    if _is_address(host):
        return _is_within(host, wanted)
    bare = wanted.removeprefix(".")
    return bool(bare) and (host == bare or host.endswith(f".{bare}"))


def _is_within(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
