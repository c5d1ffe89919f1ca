"""Hosts that a kernel command line names without a scheme, as whoever reads them does.

Talos v1.9 to v1.13: internal/app/machined/pkg/controllers/network/cmdline.go reads `ip=` (the
kernel's nfsroot.rst; of its fields the resolvers and the time server are somebody to be asked),
pkg/machinery/constants has `siderolink.api`, `talos.events.sink` and `talos.environment`; of the
latter Go's x/net/http/httpproxy takes a proxy without a scheme for http. Linux itself reads
`netconsole=` (Documentation/networking/netconsole.rst). What nobody reads, such as dracut's
`nameserver=` or an `ntp=`, is nobody's way out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from airgap.talos.arguments import split_arguments

__all__ = ["hosts_of_arguments"]

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_FIELD = re.compile(r"(?:\[[^\]]*\]|[^:\[])*(?::|$)")
_IP_ASKED = (7, 8, 9)
"""`ip=client:server:gateway:netmask:hostname:device:autoconf:dns0:dns1:ntp0`."""
_NETCONSOLE = re.compile(r"[^,]*,[^@]*@(?P<target>[^/]+)")


def hosts_of_arguments(text: str) -> Iterator[str]:
    """Yield each `host[:port]` that the words of a command line name without a scheme.

    IPv6 addresses are in brackets, whatever they were written in.
    """
    for word in split_arguments(text):
        name, equals, value = word.replace('"', "").partition("=")
        read = _READERS.get(name)
        if equals and read is not None:
            yield from filter(None, read(value))


def _read_ip(value: str) -> Iterator[str]:
    fields = [field.removesuffix(":") for field in _FIELD.findall(value)]
    for index in _IP_ASKED:
        if index < len(fields):
            yield _bracketed(fields[index].strip("[]"))


def _read_place(value: str) -> Iterator[str]:
    if not _SCHEME.match(value):
        yield re.split(r"[/?#]", value, maxsplit=1)[0].rpartition("@")[2]


def _read_environment(value: str) -> Iterator[str]:
    name, _, proxy = value.partition("=")
    if name.lower() in ("http_proxy", "https_proxy"):
        yield from _read_place(proxy)


def _read_netconsole(value: str) -> Iterator[str]:
    found = _NETCONSOLE.match(value)
    if found:
        yield _bracketed(found["target"])


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


_READERS: Mapping[str, Callable[[str], Iterator[str]]] = {
    "ip": _read_ip,
    "siderolink.api": _read_place,
    "talos.events.sink": _read_place,
    "talos.environment": _read_environment,
    "netconsole": _read_netconsole,
}
