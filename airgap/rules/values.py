"""Reading plain values that came from the plan, or through the engine and its proxies.

Every access goes by `Mapping` and `Sequence`, never by `dict` and `list`: the policy SDK's proxies
raise on an unknown value exactly there, and the adapter must hear of it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

__all__ = [
    "Path",
    "Values",
    "boot_assets",
    "documents_of",
    "entries",
    "host_of",
    "is_allowed",
    "is_private_address",
    "part",
    "scheme_of",
    "text",
    "texts",
    "walk",
    "without_port",
]

Values = Mapping[str, object]
Path = tuple[str, ...]


def part(values: Values, key: str) -> Values:
    """Return the mapping under a key; an empty one when it is absent."""
    value = values.get(key)
    return value if isinstance(value, Mapping) else {}


def entries(values: Values, key: str) -> Iterator[tuple[str, Values]]:
    """Yield name and mapping for each entry of the mapping under a key."""
    for name, value in part(values, key).items():
        yield name, value if isinstance(value, Mapping) else {}


def boot_assets(environment: Values) -> Iterator[tuple[str, Values]]:
    """Yield what an environment boots: kernel, initrd, and the fork's bootAsset where it is."""
    yield "kernel", part(environment, "kernel")
    yield "initrd", part(environment, "initrd")
    if "bootAsset" in environment:
        yield "bootAsset", part(environment, "bootAsset")


def text(values: Values, key: str) -> str:
    """Return the text under a key; empty when it is absent."""
    value = values.get(key)
    return value if isinstance(value, str) else ""


def texts(values: Values, key: str) -> tuple[str, ...]:
    """Return the texts of the list under a key; a single text counts as a list of one."""
    value = values.get(key)
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Sequence):
        return ()
    return tuple(str(item) for item in value)


def documents_of(values: Values, key: str) -> tuple[Values, ...]:
    """Return the mappings of the list under a key."""
    value = values.get(key)
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    return tuple(item for item in value if isinstance(item, Mapping))


def walk(values: object, *, without: Collection[str] = ()) -> Iterator[tuple[Path, str]]:
    """Yield path and text of every text within, leaving out what stands under certain keys."""
    yield from _walk(values, (), frozenset(without))


def _walk(value: object, at: Path, without: frozenset[str]) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in without:
                yield from _walk(inner, (*at, str(key)), without)
    elif isinstance(value, Sequence):
        for index, inner in enumerate(value):
            yield from _walk(inner, (*at, str(index)), without)


def scheme_of(url: str) -> str:
    """Return a URL's scheme in lower case; empty for what is no URL."""
    return urlsplit(url).scheme.lower()


def host_of(url: str) -> str:
    """Return `host[:port]` of a URL, without user information."""
    return urlsplit(url).netloc.rpartition("@")[2]


def without_port(host: str) -> str:
    """Return a host without its port; an IPv6 literal keeps no brackets, and needs none."""
    if host.count(":") > 1 and not host.startswith("["):
        return host
    return urlsplit(f"//{host}").hostname or host


def is_allowed(host: str, allowed: Collection[str]) -> bool:
    """Tell whether a host is on a list, with port or without; case is no matter (RFC 4343)."""
    known = {item.lower() for item in allowed}
    return host.lower() in known or without_port(host).lower() in known


def is_private_address(host: str) -> bool:
    """Tell whether the host is an address that is never routed on the internet."""
    try:
        return ipaddress.ip_address(without_port(host)).is_private
    except ValueError:
        return False
