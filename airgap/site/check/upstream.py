"""Redirects of what is upstream, such as to a pull-through cache."""

from __future__ import annotations

import re
from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.address import is_registry, path_of
from airgap.site.check.registry import endpoint_faults
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Site
from airgap.site.path import shown

__all__ = ["CHECKS"]

_PREFIX = re.compile(r"(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*\Z")


def _check_registries(site: Site, _: Known) -> Iterator[Fault]:
    for host, source in site.upstream.registries.items():
        at = ("upstream", "registries", host)
        if not is_registry(host):
            hint = "write the host alone, such as ghcr.io"
            yield fault(at, f"{shown(host)} is not a registry's host[:port]", hint)
        yield from endpoint_faults(source, at, path_allowed=True)
        path = path_of(source.url)
        if not _PREFIX.match(path):
            hint = "lower case letters, digits, '.', '_' and '-'; leave /v2 out"
            yield fault((*at, "url"), f"the path {path!r} is no repository prefix", hint)
        elif path.split("/")[1:2] == ["v2"]:
            hint = "leave /v2 out: the path is a repository prefix"
            yield fault((*at, "url"), f"the path {path!r} starts with /v2", hint)


def _check_sources(site: Site, _: Known) -> Iterator[Fault]:
    sources = {"releases": site.upstream.releases, "factory": site.upstream.factory}
    for key, source in sources.items():
        if source is not None:
            yield from endpoint_faults(source, ("upstream", key), path_allowed=True)


CHECKS = checks((_check_registries, "upstream"), (_check_sources, "upstream"))
