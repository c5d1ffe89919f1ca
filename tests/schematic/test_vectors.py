"""The published and probed vectors of siderolabs/image-factory, each with its own source.

`vectors.json`: `published` are the factory's own tests and documents; `probe` were computed with
the four YAML libraries that factories v0.8 to v1.5 use, all agreeing; `engine-dependent` are
those where the libraries part; `rejected` are refused by all of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

import pytest

from airgap.errors import SiteError
from airgap.schematic import canonical_yaml, parse_schematic, schematic_id


class Answer(TypedDict, total=False):
    """What one YAML library makes of a schematic."""

    id: str
    canonical: str
    error: str


class Vector(TypedDict, total=False):
    """One vector."""

    kind: str
    source: str
    yaml: str
    id: str
    canonical: str
    error: str
    by_engine: dict[str, Answer]


VECTORS: list[Vector] = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))
AGREED = [vector for vector in VECTORS if vector["kind"] in ("published", "probe")]
PARTED = [vector for vector in VECTORS if vector["kind"] == "engine-dependent"]
REJECTED = [vector for vector in VECTORS if vector["kind"] == "rejected"]
FACTORIES = {"v3 v3.0.1": "v0.8.4", "rc.3": "v1.0.3", "rc.4": "v1.4.0", "rc.6": "v1.5.0"}


def test_all_kinds_of_vectors_are_there() -> None:
    published = sum(vector["kind"] == "published" for vector in AGREED)
    assert (published, len(AGREED), len(PARTED), len(REJECTED)) == (22, 252, 20, 9)


@pytest.mark.parametrize("vector", AGREED, ids=lambda vector: vector["yaml"][:60])
@pytest.mark.parametrize("factory", [*FACTORIES.values(), None])
def test_text_and_id_are_the_factorys(vector: Vector, factory: str | None) -> None:
    schematic = parse_schematic(vector["yaml"], factory=factory)
    assert canonical_yaml(schematic, factory=factory) == vector["canonical"]
    assert schematic_id(schematic, factory=factory) == vector["id"]


@pytest.mark.parametrize("vector", PARTED, ids=lambda vector: vector["yaml"][:60])
@pytest.mark.parametrize(("engine", "factory"), FACTORIES.items())
def test_each_factory_generation_has_its_own_text(
    vector: Vector, engine: str, factory: str
) -> None:
    (answer,) = [answer for name, answer in vector["by_engine"].items() if engine in name]
    if "error" in answer:
        with pytest.raises(SiteError, match="2001-01-01 is a timestamp"):
            parse_schematic(vector["yaml"], factory=factory)
        return
    schematic = parse_schematic(vector["yaml"], factory=factory)
    assert canonical_yaml(schematic, factory=factory) == answer["canonical"]
    assert schematic_id(schematic, factory=factory) == answer["id"]


# The factory's reasons, as Go words them, and ours for the same.
REASONS = {
    "invalid Unicode character escape": "surrogate",
    "not found in type": "unknown key",
    "EOF": "the document is empty",
    "into uint8": "whole number from 0 to 255",
    "does not belong to BootloaderKind": "'auto' is none of",
    "into bool": "expected true or false",
}


@pytest.mark.parametrize("vector", REJECTED, ids=lambda vector: vector["yaml"][:60])
def test_what_the_factory_rejects_is_rejected_for_its_reason(vector: Vector) -> None:
    (reason,) = [ours for theirs, ours in REASONS.items() if theirs in vector["error"]]
    with pytest.raises(SiteError, match=reason):
        parse_schematic(vector["yaml"])
