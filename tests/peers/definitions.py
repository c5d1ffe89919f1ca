"""Sidero's definitions as an API server without Sidero takes them."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from airgap.sidero import KINDS, definition
from tests.conftest import SIDEROS_OWN

__all__ = ["sidero_definitions"]

_UNCONVERTED = {"conversion": {"strategy": "None"}}


def sidero_definitions(flavour: str) -> list[Mapping[str, object]]:
    """Return the definitions of a flavour: Sidero's own where they are, else ours.

    `tests/conftest.py` says at the end of a run if they were ours, which `tests/sidero` holds
    against Sidero's by their digest.

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
