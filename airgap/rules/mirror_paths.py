"""`mirror-paths`: mirrors ask for paths that a registry answers.

Talos v1.9 to v1.13 (internal/pkg/containers/image/resolver.go): the upstream host is dropped from
the path, and `/v2` is appended unless the endpoint's path ends with it or `overridePath` is set.
The distribution API is served below `/v2/` alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from airgap.oci.reference import path_component
from airgap.rules.findings import Violation
from airgap.rules.machine_config import mirrors_of
from airgap.rules.values import Values, documents_of, entries, host_of, part, text, texts

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "mirror-paths"
SUMMARY = "Mirror endpoints have the form of path that a registry answers."
REASON = (
    "A wrong form is a 404 for every image of that host, at the next pull and not before: the "
    "cluster runs until the first node restarts, and none comes back."
)
REMEDY = (
    "Leave mirrors to the default; or write `https://registry/v2/<host>` with `overridePath: true` "
    "for images that keep their upstream host, `https://registry` without it for those that do not."
)
_API = "v2"


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each endpoint under which no image is found."""
    if kind == "Registry":
        for upstream, mirror in entries(values, "mirrors"):
            override = bool(mirror.get("overridePath"))
            for url in texts(mirror, "endpoints"):
                message = _fault(url, override=override) or _misplaced(values, upstream, url)
                if message:
                    yield _wrong(upstream, url, message, "")
    elif kind == "SideroEnvironment":
        for name, server_class in entries(values, "serverClasses"):
            for found in mirrors_of(part(server_class, "machineConfig")):
                for url, override in found.endpoints:
                    if message := _fault(url, override=override):
                        yield _wrong(found.upstream, url, message, f"server class {name}: ")


def _segments(url: str) -> list[str]:
    return [segment for segment in urlsplit(url).path.split("/") if segment]


def _fault(url: str, *, override: bool) -> str:
    """Return what is wrong with an endpoint's form; empty when it is right."""
    segments = _segments(url)
    if override:
        return "" if _API in segments else "overridePath is set, and the path has no /v2"
    if segments and segments[-1] != _API:
        asked = "/".join(["", *segments, _API, ""])
        return f"without overridePath machines ask for {asked}, which no registry serves"
    return "its path has /v2 twice" if segments.count(_API) > 1 else ""


def _misplaced(values: Values, upstream: str, url: str) -> str:
    """Return what is wrong with a path for the layout of the site's own registry.

    `serve` (kind embedded) finds an image by containerd's `?ns=` as well.
    """
    own = {host_of(text(endpoint, "url")) for endpoint in documents_of(values, "endpoints")}
    is_named = upstream != "*" and host_of(url) in own and host_of(url) != upstream
    if not is_named or text(values, "kind") != "existing":
        return ""
    kept = path_component(upstream)
    segments = _segments(url)
    if text(values, "layout") == "prefix" and kept not in segments:
        return f"images lie below {kept}/ in this registry, and the path does not name it"
    if text(values, "layout") == "flat" and kept in segments:
        return f"images do not lie below {kept}/ in this registry (layout flat)"
    return ""


def _wrong(upstream: str, url: str, message: str, where: str) -> Violation:
    return Violation(
        subject=upstream,
        message=f"{where}{url}: {message}",
        remedy="use https://<registry>/v2/<host> with overridePath: true, or leave it to the "
        "default",
        known_as=(host_of(url),),
    )
