"""Image references: `registry/repository[:tag][@digest]`.

Grammar: distribution's reference grammar; the short forms of Docker Hub (`nginx`, `org/name`) are
completed to `docker.io/library/nginx` as every client does. No network, no default for a missing
tag: a tag must be written, since `latest` is not something one locks by accident.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from airgap.digest import Digest, is_digest
from airgap.errors import Fault, SiteError

__all__ = ["Reference", "is_registry_host", "parse_reference", "path_component"]

_HOST = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
    r"|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?\Z"
)
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z")
_TAG = re.compile(r"\w[\w.-]{0,127}\Z", re.ASCII)


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Reference:
    """An image by registry (`host[:port]`), repository, and tag and/or digest."""

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @property
    def name(self) -> str:
        """`registry/repository`."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        """Return the complete form; `parse_reference` is its inverse."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def is_registry_host(text: str) -> bool:
    """Tell whether a first component is a registry's `host[:port]` and no repository's."""
    return bool(_HOST.match(text)) and ("." in text or ":" in text or text == "localhost")


def path_component(registry: str) -> str:
    """Return a registry's `host[:port]` as one component of a repository, where it is a prefix.

    A component has neither `:` nor capitals (distribution's reference grammar). The port follows
    an underscore, which no host has: `registry.corp:5000` is `registry.corp_5000`. An IPv6 address
    is written out, with dashes. Hosts that differ stay apart.
    """
    host, port = _part_port(registry.lower())
    if host.startswith("["):
        host = ipaddress.IPv6Address(host[1:-1]).exploded.replace(":", "-")
    return f"{host}_{port}" if port else host


def parse_reference(text: str, *, path: str = "reference") -> Reference:
    """Read a reference; a tag or a digest is required.

    Args:
        text: For example `ghcr.io/siderolabs/kubelet:v1.34.1` or `nginx:1.27.3`.
        path: Where the text stands, for the fault.

    Raises:
        SiteError: The text is no reference.
    """
    rest, at, digest_text = text.partition("@")
    if at and not is_digest(digest_text):
        raise _refuse(path, text, f"{digest_text!r} is not a digest")
    head, slash, last = rest.rpartition("/")
    last, colon, tag = last.partition(":")
    if colon and not _TAG.match(tag):
        raise _refuse(path, text, f"{tag!r} is not a tag")
    if not colon and not at:
        raise _refuse(path, text, "it has neither a tag nor a digest")
    registry, repository = _split_registry(head + slash + last)
    if not repository or not all(_COMPONENT.match(part) for part in repository.split("/")):
        raise _refuse(path, text, f"{repository!r} is not a repository")
    return Reference(
        registry=registry,
        repository=repository,
        tag=tag or None,
        digest=Digest.parse(digest_text) if at else None,
    )


def _part_port(registry: str) -> tuple[str, str]:
    """Part `host[:port]`; an IPv6 address is in brackets."""
    if registry.endswith("]") or ":" not in registry:
        return registry, ""
    host, _, port = registry.rpartition(":")
    return host, port


def _split_registry(name: str) -> tuple[str, str]:
    """Part `registry/repository`, completing Docker Hub's short forms."""
    first, slash, rest = name.partition("/")
    if not slash or not is_registry_host(first):
        first, rest = "docker.io", name
    if first == "index.docker.io":
        first = "docker.io"
    if first == "docker.io" and "/" not in rest:
        rest = f"library/{rest}"
    return first, rest


def _refuse(path: str, text: str, reason: str) -> SiteError:
    fault = Fault(
        path=path,
        message=f"{text!r} is not an image reference: {reason}",
        hint="expected registry/repository:tag, for example ghcr.io/siderolabs/kubelet:v1.34.1",
    )
    return SiteError("image reference", [fault])
