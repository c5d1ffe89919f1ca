"""Sidero's definitions as an API server without Sidero takes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from airgap.sidero import KINDS, definition

__all__ = ["SIDEROS_OWN", "sidero_definitions"]

SIDEROS_OWN = Path(__file__).resolve().parents[3] / "shared" / "crds"
"""Where Sidero's own definitions may lie, beside the checkout."""

_UNCONVERTED = {"conversion": {"strategy": "None"}}


def sidero_definitions(flavour: str) -> list[Mapping[str, object]]:
    """Return the definitions of a flavour: Sidero's own where they are, else ours.

    Objects are asked for in the version that is stored. No webhook runs here that converts to the
    other, and none is needed: the strategy is None.
    """
    made = [
        _sideros_own(kind) or definition(kind, flavour="stock")
        if flavour == "stock" or kind != "Environment"  # the only one that the fork changes
        else definition(kind, flavour=flavour)
        for kind in KINDS
    ]
    return [{**item, "spec": {**_spec(item), **_UNCONVERTED}} for item in made]


def _sideros_own(kind: str) -> Mapping[str, object] | None:
    path = SIDEROS_OWN / f"metal.sidero.dev_{KINDS[kind]}.yaml"
    if not path.exists():
        return None
    found: Mapping[str, object] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def _spec(item: Mapping[str, object]) -> Mapping[str, object]:
    spec = item["spec"]
    assert isinstance(spec, Mapping)
    return spec
