"""How a Talos node asks for a manifest: endpoint rewriting, written down from its source.

siderolabs/talos internal/pkg/containers/image/resolver.go, v1.9 to v1.13: exact host, then `"*"`,
then the registry itself; the upstream host is dropped from the path; an empty path becomes `/v2`
unless overridePath; `/v2` is appended unless the path ends with it or overridePath is set; the
upstream itself comes last unless skipFallback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

__all__ = ["manifest_urls"]


def manifest_urls(
    mirrors: Mapping[str, Mapping[str, object]], host: str, repository: str, tag: str
) -> list[str]:
    """Return the URLs a node tries, in order."""
    mirror = mirrors.get(host) or mirrors.get("*") or {"endpoints": [], "skipFallback": False}
    endpoints = mirror["endpoints"]
    assert isinstance(endpoints, Sequence)
    bases = [_base(str(url), override=bool(mirror.get("overridePath"))) for url in endpoints]
    if not mirror["skipFallback"]:
        bases.append(f"https://{host}/v2")
    return [f"{base}/{repository}/manifests/{tag}" for base in bases]


def _base(url: str, *, override: bool) -> str:
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if not override and not path.endswith("/v2"):
        path += "/v2"
    return f"{parts.scheme}://{parts.netloc}{path}"
