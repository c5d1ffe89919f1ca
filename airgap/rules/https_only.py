"""`https-only`: every endpoint, mirror and boot asset of the site is reached over TLS.

So is what stands for upstream: tags become digests there. A machine's own image cache answers on
its loopback address alone: nothing of it is on a wire, nor of an upstream there (the plan leaves it
out).
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.rules.findings import Violation
from airgap.rules.values import (
    Values,
    boot_assets,
    documents_of,
    entries,
    host_of,
    part,
    scheme_of,
    text,
    texts,
    without_port,
)

__all__ = ["NAME", "REASON", "REMEDY", "SUMMARY", "check"]

NAME = "https-only"
SUMMARY = "Endpoints, mirrors, boot assets and what stands for upstream are https."
REASON = (
    "Images, kernels and schematics travel unprotected: what boots is whatever answered first "
    "on that network, and a digest that was read over the same wire proves nothing."
)
REMEDY = "Serve it over TLS, and give its CA in the site."
_IMAGE_CACHE = "http://127.0.0.1:3172"


def check(kind: str, values: Values) -> Iterator[Violation]:
    """Yield a violation for each URL that is not https, once a host."""
    told: set[str] = set()
    for what, url in _urls(kind, values):
        host = host_of(url) or url
        if scheme_of(url) != "https" and host not in told:
            told.add(host)
            yield Violation(
                subject=host,
                message=f"{what} is {scheme_of(url) or 'no URL'}, not https: {url}",
                remedy="serve it over TLS and give its CA in the site, or add an exception",
                known_as=(without_port(host),),
            )


def _urls(kind: str, values: Values) -> Iterator[tuple[str, str]]:
    """Yield each URL a component holds, with what it is."""
    if kind == "Registry":
        for endpoint in documents_of(values, "endpoints"):
            yield "the registry's endpoint", text(endpoint, "url")
        for upstream, mirror in entries(values, "mirrors"):
            for url in texts(mirror, "endpoints"):
                if url != _IMAGE_CACHE:
                    yield f"the mirror of {upstream}", url
    elif kind == "AssetMirror":
        yield "the asset mirror", text(values, "url")
    elif kind == "ImageFactory":
        if values.get("endpoint"):
            yield "the image factory", text(values, "endpoint")
        if "://" in text(values, "registry"):
            yield "the image factory's registry", text(values, "registry")
    elif kind == "SideroEnvironment":
        yield from _sidero_urls(values)
    elif kind == "Site":
        yield from _upstream_urls(part(values, "upstream"))


def _upstream_urls(upstream: Values) -> Iterator[tuple[str, str]]:
    registries = part(upstream, "registries")
    for host in registries:
        yield f"what stands for {host} upstream", text(registries, host)
    for name in ("releases", "factory"):
        if name in upstream:
            yield f"upstream.{name}", text(upstream, name)


def _sidero_urls(values: Values) -> Iterator[tuple[str, str]]:
    for name, environment in entries(values, "environments"):
        for key, asset in boot_assets(environment):
            yield f"environment {name}: the {key}", text(asset, "url")
    discovery = part(part(values, "nodes"), "discovery")
    if discovery.get("endpoint"):
        yield "the discovery service", text(discovery, "endpoint")
