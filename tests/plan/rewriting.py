"""How a Talos node asks for a manifest: endpoint rewriting, written down from its sources.

siderolabs/talos v1.9 to v1.13. Its own pulls (installer, kubelet, etcd):
internal/pkg/containers/image/resolver.go: exact host, then `"*"`, then the registry itself; the
upstream host is dropped from the path; an empty path becomes `/v2` unless overridePath; `/v2` is
appended unless the path ends with it or overridePath is set; the upstream itself comes last unless
skipFallback.

All other pulls are containerd's: internal/pkg/containers/cri/containerd/hosts.go writes hosts.toml
(with skipFallback the last endpoint becomes `server`, which replaces the upstream; without any
endpoint there is no such replacement), and containerd looks for the host's directory, then for
`_default`. The image cache: internal/app/machined/pkg/controllers/cri/registries_config.go puts
registryd before every entry, and makes a `"*"` where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

__all__ = [
    "REGISTRYD",
    "Endpoint",
    "Entry",
    "containerd_urls",
    "manifest_urls",
    "read_entries",
    "resolver_urls",
    "with_image_cache",
]

REGISTRYD = "http://127.0.0.1:3172"
_DEFAULT_HOSTS = {"docker.io": "registry-1.docker.io"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A URL, and whether its path is used as it is."""

    url: str
    override_path: bool = False

    @property
    def base(self) -> str:
        """Where repositories begin."""
        parts = urlsplit(self.url)
        path = parts.path.rstrip("/")
        if not self.override_path and not path.endswith("/v2"):
            path += "/v2"
        return f"{parts.scheme}://{parts.netloc}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A mirror entry of a machine's configuration."""

    endpoints: tuple[Endpoint, ...]
    skip_fallback: bool


def manifest_urls(
    mirrors: Mapping[str, Mapping[str, object]], host: str, repository: str, tag: str
) -> list[str]:
    """Return the URLs a node tries, in order; mirrors as v1alpha1 has them."""
    entries = {name: _v1alpha1(mirror) for name, mirror in mirrors.items()}
    return resolver_urls(entries, host, f"{repository}/manifests/{tag}")


def read_entries(documents: Iterable[Mapping[str, object]]) -> dict[str, Entry]:
    """Return the mirrors of a machine with these documents, in whichever form they are.

    A RegistryMirrorConfig replaces v1alpha1's entry of its name (Talos 1.12 and newer).
    """
    given = list(documents)
    entries: dict[str, Entry] = {}
    for document in given:
        if "kind" not in document:
            registries = _mapping(_mapping(document, "machine"), "registries")
            for host in _mapping(registries, "mirrors"):
                entries[host] = _v1alpha1(_mapping(_mapping(registries, "mirrors"), host))
    for document in given:
        if document.get("kind") == "RegistryMirrorConfig":
            entries[str(document["name"])] = _document(document)
    return entries


def with_image_cache(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the mirrors of a machine whose image cache is ready."""
    whole = {"*": Entry(endpoints=(), skip_fallback=False), **entries}
    first = Endpoint(url=REGISTRYD)
    return {
        host: replace(entry, endpoints=(first, *entry.endpoints)) for host, entry in whole.items()
    }


def resolver_urls(entries: Mapping[str, Entry], host: str, rest: str) -> list[str]:
    """Return the URLs of Talos' own resolver, in order."""
    entry = entries.get(host) or entries.get("*")
    if entry is None:
        return [f"{_upstream(host)}/{rest}"]
    bases = [endpoint.base for endpoint in entry.endpoints]
    if not entry.skip_fallback:
        bases.append(_upstream(host))
    return [f"{base}/{rest}" for base in bases]


def containerd_urls(entries: Mapping[str, Entry], host: str, rest: str) -> list[str]:
    """Return the URLs of containerd with the hosts.toml that Talos writes, in order."""
    entry = entries.get(host) or entries.get("*") or Entry(endpoints=(), skip_fallback=False)
    bases = [endpoint.base for endpoint in entry.endpoints]
    if not (entry.skip_fallback and entry.endpoints):
        bases.append(_upstream(host))
    return [f"{base}/{rest}?ns={host}" for base in bases]


def _upstream(host: str) -> str:
    return f"https://{_DEFAULT_HOSTS.get(host, host)}/v2"


def _v1alpha1(mirror: Mapping[str, object]) -> Entry:
    """Read `machine.registries.mirrors.<host>`: overridePath is every endpoint's."""
    override = bool(mirror.get("overridePath"))
    urls = _list(mirror, "endpoints")
    return Entry(
        endpoints=tuple(Endpoint(url=str(url), override_path=override) for url in urls),
        skip_fallback=bool(mirror.get("skipFallback")),
    )


def _document(document: Mapping[str, object]) -> Entry:
    """Read a RegistryMirrorConfig: overridePath is an endpoint's own."""
    endpoints = [item for item in _list(document, "endpoints") if isinstance(item, Mapping)]
    return Entry(
        endpoints=tuple(
            Endpoint(url=str(item["url"]), override_path=bool(item.get("overridePath")))
            for item in endpoints
        ),
        skip_fallback=bool(document.get("skipFallback")),
    )


def _mapping(values: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = values.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(values: Mapping[str, object], key: str) -> Sequence[object]:
    value = values.get(key)
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()
