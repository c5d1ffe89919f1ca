"""Sites as their authors write them, to start tests from."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from airgap.errors import Fault, SiteError
from airgap.site.load import parse_site
from airgap.site.model import Site
from airgap.site.path import Step

__all__ = ["EXAMPLE_CA", "STACKS", "Raw", "changed", "faults_of", "minimal", "parsed", "paths_of"]

STACKS = Path(__file__).resolve().parents[2] / "stacks"
EXAMPLE_CA = (STACKS / "certs/example-ca.pem").read_text()

Raw = dict[str, object]

_MINIMAL: Raw = {
    "schemaVersion": 1,
    "talos": {"versions": ["v1.11.5"]},
    "kubernetes": {"versions": ["v1.34.1"]},
    "registry": {"kind": "existing", "endpoints": [{"url": "https://registry.example:5000"}]},
    "assetMirror": {
        "kind": "directory",
        "url": "https://artifacts.example/talos",
        "path": "/srv/talos",
    },
    "sidero": {"version": "v0.6.13"},
    "environments": [{"name": "talos-1-11-5-amd64", "talos": "v1.11.5"}],
    "serverClasses": [{"name": "workers", "environment": "talos-1-11-5-amd64"}],
}


def minimal() -> Raw:
    """Return a fresh site that is right."""
    return copy.deepcopy(_MINIMAL)


def changed(*edits: tuple[tuple[Step, ...], object]) -> Raw:
    """Return the minimal site with values set at places; mappings on the way are made."""
    site = minimal()
    for place, value in edits:
        _set(site, place, value)
    return site


def parsed(value: Mapping[str, object], files: Mapping[str, bytes] | None = None) -> Site:
    """Parse a site whose files are these."""
    known = files or {}

    def read(path: str) -> bytes:
        if path not in known:
            raise FileNotFoundError(2, "No such file or directory", path)
        return known[path]

    return parse_site(value, name="test", read=read)


def faults_of(
    value: Mapping[str, object], files: Mapping[str, bytes] | None = None
) -> tuple[Fault, ...]:
    """Return the faults of a site; none when it is right."""
    try:
        parsed(value, files)
    except SiteError as error:
        return error.faults
    return ()


def paths_of(value: Mapping[str, object], files: Mapping[str, bytes] | None = None) -> list[str]:
    """Return where the faults of a site are."""
    return [fault.path for fault in faults_of(value, files)]


def _set(node: object, place: tuple[Step, ...], value: object) -> None:
    *way, last = place
    for step in way:
        if isinstance(step, int):
            node = cast("list[object]", node)[step]
        else:
            node = cast("Raw", node).setdefault(step, {})
    if isinstance(last, int):
        items = cast("list[object]", node)
        items[last : last + 1] = [value]
    else:
        cast("Raw", node)[last] = value
