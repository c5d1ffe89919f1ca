"""What the schema knows and this release does not do yet: refused, never ignored."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.errors import Fault
from airgap.site.check.subject import Known, checks, fault
from airgap.site.model import Site
from airgap.site.path import Step

__all__ = ["CHECKS"]

_NOW_REGISTRY = "use kind: existing for a registry that runs, or kind: embedded"


def _planned(at: tuple[Step, ...], what: str, instead: str) -> Fault:
    return fault(at, f"{what}: planned, not in this release", instead)


def _check_registry(site: Site, _: Known) -> Iterator[Fault]:
    if site.registry.kind in ("distribution", "harbor"):
        yield _planned(("registry", "kind"), f"kind {site.registry.kind}", _NOW_REGISTRY)


CHECKS = checks((_check_registry, "registry"))
