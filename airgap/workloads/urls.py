"""Hosts outside a cluster that a text names: in each absolute URL, wherever it stands in it.

What is a URL: RFC 3986, sections 3.1 to 3.2.3. What is not outside: names without a dot, loopback
(RFC 6761), addresses that are never routed on the internet, and Kubernetes' own names (DNS-based
service discovery 1.1.0: `<service>.<namespace>.svc.<zone>`, a pod's has its own before that). A
host that shows only when it runs (`https://$(HOST)`) is no name yet. Nothing of a URL but its host
and port is ever returned: what stands before and behind may be a secret.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

__all__ = ["PROSE", "hosts_in_text", "outside_host"]

PROSE = frozenset(
    {
        "description", "documentation", "externalDocs", "homepage", "links", "maintainers",
        "message", "runbook_url", "runbookUrl", "summary",
    }
)  # fmt: skip
"""Keys whose values are for people: nothing calls what they name."""

_SCHEME = re.compile(r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{0,31})://")
_NO_HOSTS = frozenset({"file", "spiffe", "unix"})
_IN_PATH = frozenset({"dns", "passthrough"})
"""Names of gRPC (doc/naming.md): `dns:///host:port`."""
_MAX_AUTHORITY = 2048
_AUTHORITY = re.compile(rf"[^\s/?#\"<>\\`]{{0,{_MAX_AUTHORITY}}}")
_HOST = re.compile(
    r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|\w[\w.-]{0,253}(?![\w.-]))"
    r"(?::(?P<port>[0-9]{1,5})(?![\w.-])|:(?=[$%{])|(?![:$%{(\[*+^]))"
)
_REPOSITORY = re.compile(r"(?<![\w./:-])git@([\w.-]{1,253}):(?=[\w.~/])")
"""git's other form of a URL: `git@host:path` (git-clone, GIT URLS)."""

_NOT_CALLED = re.compile(
    r"^[ \t]*(?:#|;|//|/\*|--[ \t]"
    rf"|(?:-[ \t]+)?[\"']?(?:{'|'.join(sorted(PROSE))})[\"']?[ \t]*[:=]).*$"
    r"|[ \t](?:#|//)[ \t].*$",
    re.MULTILINE,
)
"""In a text of several lines: comments of what configuration is written in, and prose."""
_NAMESPACE = re.compile(
    r"\b(?:xmlns(?::[\w.-]+)?|(?:\w+:)?schemaLocation)\s?=\s?(?:\"[^\"]*\"|'[^']*')"
)
_IDENTIFIERS = frozenset(
    {"json-schema.org", "schemas.microsoft.com", "schemas.xmlsoap.org", "www.w3.org"}
)
"""Hosts whose URLs are names: XML namespaces, dialects of JSON Schema, claims of SAML tokens. No
program is served from there."""


def hosts_in_text(text: str) -> Iterator[str]:
    """Yield `host[:port]`, in lower case, of each URL in a text that leads out of the cluster."""
    if "://" not in text and "git@" not in text:
        return
    if "\n" in text:
        text = _NOT_CALLED.sub("", text)
    if "xmlns" in text or "schemaLocation" in text:
        text = _NAMESPACE.sub("", text)
    for repository in _REPOSITORY.finditer(text):
        if host := outside_host(repository[1]):
            yield host
    for scheme in _SCHEME.finditer(text):
        name, start = scheme[1].lower(), scheme.end()
        if name in _IN_PATH and text.startswith("/", start):
            start += 1
        authority = _AUTHORITY.match(text, start)
        if name in _NO_HOSTS or authority is None or len(authority[0]) == _MAX_AUTHORITY:
            continue
        for part in authority[0].rpartition("@")[2].split(","):  # mongodb://one,another/
            if host := outside_host(part):
                yield host


def outside_host(text: str) -> str:
    """Return the `host[:port]` that a text begins with; nothing where it leads nowhere outside."""
    found = _HOST.match(text)
    if found is None:
        return ""
    name = found["name"].lower().rstrip(".")
    if not _is_outside(name.strip("[]")):
        return ""
    return f"{name}:{found['port']}" if found["port"] else name


def _is_outside(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return _is_outside_name(name)
    return not (address.is_private or address.is_multicast)


def _is_outside_name(name: str) -> bool:
    labels = name.split(".")
    if len(labels) < 2 or "" in labels or labels[-1].isdigit():
        return False
    if labels[-1] in ("localhost", "localdomain", "svc") or labels[-2:] == ["cluster", "local"]:
        return False
    return "svc" not in labels[2:4] and name not in _IDENTIFIERS
