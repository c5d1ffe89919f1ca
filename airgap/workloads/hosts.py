"""Hosts that an object sends somebody to: in any text of it, and in fields that hold a bare name.

Not read is what nothing acts on: labels, annotations, managed fields and status, schemas of custom
resources, prose. An annotation that a controller does act on, such as an ingress' auth URL, is
passed over with the others: what annotations say is mostly where their author's documentation is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from airgap.workloads.fields import EACH, fields, find_at
from airgap.workloads.places import Host, Plain, at, is_mapping
from airgap.workloads.urls import PROSE, hosts_in_text, outside_host

__all__ = ["find_hosts"]

_UNREAD = PROSE | {
    "$id", "$schema", "@context", "annotations", "apiVersion", "labels", "managedFields",
    "openAPIV3Schema", "xmlns",
}  # fmt: skip

_NAMING = (
    *fields("", "Service", "spec.externalName"),
    *fields("", "Endpoints", "subsets[].addresses[].ip"),
    *fields("discovery.k8s.io", "EndpointSlice", "endpoints[].addresses[]"),
    *fields("networking.istio.io", "ServiceEntry", "spec.hosts[]"),
)
"""Fields whose text is a host."""
_NAMING_BELOW = frozenset(
    {
        ("dnsConfig", "nameservers"),
        ("network", "nameservers"),
        ("nfs", "server"),
        ("ntp", "servers"),
        ("time", "servers"),
    }
)
"""The same by shape: of a pod and a volume in whatever kind, of Talos' machine configuration."""

_SERVING = (
    *fields("networking.k8s.io", "Ingress", "spec.rules[].host", "spec.tls[].hosts[]"),
    *fields("gateway.networking.k8s.io", "Gateway", "spec.listeners[].hostname"),
    *fields("gateway.networking.k8s.io", "HTTPRoute GRPCRoute TLSRoute", "spec.hostnames[]"),
)
"""Fields whose hosts the cluster itself answers."""

_LONG = 100
"""Texts as long as this are read once, however many aliases lead to them."""

_Place = tuple["_Place | None", str | int]


def find_hosts(
    value: Plain, *, kind: str, group: str, unread: frozenset[str] = frozenset()
) -> Iterator[Host]:
    """Yield the hosts that an object names, and those that it serves, in its own order.

    Args:
        value: The object.
        kind: Its kind.
        group: The API group of that.
        unread: Keys whose values are read by somebody else.
    """
    yield from _fields_of(value, kind, group)
    is_secret = kind == "Secret" and not group
    hidden = _UNREAD | unread | ({"data"} if is_secret else frozenset())
    for place, text in _texts(value, hidden):
        for host in _hosts_of(place, text):
            yield Host(path=_path_of(place), name=host)
    if is_secret:
        for path, encoded in find_at(value, ("data", EACH)):
            for host in _hosts_in(_decoded(encoded)):
                yield Host(path=path, name=host)


def _fields_of(value: Plain, kind: str, group: str) -> Iterator[Host]:
    """Yield what stands in the kind's own fields for hosts."""
    for field in (*_SERVING, *_NAMING):
        if not field.is_of(kind, group):
            continue
        for path, text in find_at(value, field.steps):
            if not isinstance(text, str) or not text:
                continue
            if field in _SERVING:
                yield Host(path=path, name=text.lower().rstrip("."), is_served=True)
            elif host := outside_host(_bracketed(text)):
                yield Host(path=path, name=host)


def _hosts_of(place: _Place | None, text: str) -> Iterator[str]:
    if _is_naming(place):
        host = outside_host(_bracketed(text))
        yield from (host,) if host else ()
    yield from _hosts_in(text)


def _bracketed(text: str) -> str:
    """Return a host as a URL has it: an IPv6 address in brackets."""
    return f"[{text}]" if text.count(":") > 1 else text


def _hosts_in(text: str) -> Iterator[str]:
    """Yield the hosts of a text, which may be a document of its own."""
    if "://" in text and text.lstrip()[:1] in ("{", "["):
        try:
            document: object = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            for _, inner in _texts(document, _UNREAD):
                yield from _hosts_in(inner)
            return
    yield from hosts_in_text(text)


def _texts(value: object, unread: frozenset[str]) -> Iterator[tuple[_Place | None, str]]:
    """Yield each text within, with where it stands; what aliases repeat is there once."""
    seen: set[int] = set()
    waiting: list[tuple[_Place | None, object]] = [(None, value)]
    while waiting:
        place, item = waiting.pop()
        if isinstance(item, str) and len(item) < _LONG:
            yield place, item
            continue
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, str):
            yield place, item
        elif is_mapping(item):
            hidden = unread if place else unread | {"status"}
            inner = [((place, key), each) for key, each in item.items() if key not in hidden]
            waiting.extend(reversed(inner))
        elif isinstance(item, list):
            waiting.extend(((place, index), each) for index, each in _backwards(item))


def _backwards(items: list[object]) -> Iterator[tuple[int, object]]:
    return zip(range(len(items) - 1, -1, -1), reversed(items), strict=True)


def _is_naming(place: _Place | None) -> bool:
    if place is not None and isinstance(place[1], int):  # an item of a list
        place = place[0]
    return place is not None and place[0] is not None and (place[0][1], place[1]) in _NAMING_BELOW


def _steps(place: _Place | None) -> list[str | int]:
    steps: list[str | int] = []
    while place is not None:
        place, step = place
        steps.append(step)
    return steps[::-1]


def _path_of(place: _Place | None) -> str:
    """Return a place's path; a key that is a URL, and may hold what a URL may, is not shown."""
    path = ""
    for step in _steps(place):
        if isinstance(step, int):
            path = f"{path}[{step}]"
        else:
            path = at(path, "…" if "://" in step else step)
    return path


def _decoded(text: object) -> str:
    """Return what a Secret's data holds as text; nothing where it is none."""
    try:
        return base64.b64decode(text, validate=False).decode() if isinstance(text, str) else ""
    except ValueError:
        return ""
