"""The published and probed vectors of siderolabs/image-factory, each with its own source.

`vectors.json`: `published` are the factory's own tests and documents; `probe` were computed with
the four YAML libraries that factories v0.8 to v1.5 use, all agreeing; `engine-dependent` are
those where the libraries part; `rejected` are refused by all of them.
"""

from __future__ import annotations

import hashlib
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


def _answer(text: str, factory: str | None) -> Answer:
    """Return what we make of a schematic, in the form of the vectors."""
    try:
        schematic = parse_schematic(text, factory=factory)
    except SiteError as error:
        return {"error": str(error)}
    return {
        "id": schematic_id(schematic, factory=factory),
        "canonical": canonical_yaml(schematic, factory=factory),
    }


def test_all_kinds_of_vectors_are_there_each_with_its_source() -> None:
    published = sum(vector["kind"] == "published" for vector in AGREED)
    assert (published, len(AGREED), len(PARTED), len(REJECTED)) == (22, 252, 20, 9)
    assert all(vector["source"] for vector in VECTORS)


def test_the_ids_of_the_vectors_are_the_sha256_of_their_texts() -> None:
    digests = {
        vector["id"]: hashlib.sha256(vector["canonical"].encode()).hexdigest() for vector in AGREED
    }
    assert all(identity == digest for identity, digest in digests.items())


@pytest.mark.parametrize("factory", [*FACTORIES.values(), None])
def test_text_and_id_are_the_factorys(factory: str | None) -> None:
    expected = {vector["yaml"]: (vector["canonical"], vector["id"]) for vector in AGREED}
    answers = {text: _answer(text, factory) for text in expected}
    assert {text: (a.get("canonical"), a.get("id")) for text, a in answers.items()} == expected


@pytest.mark.parametrize(("engine", "factory"), FACTORIES.items())
def test_each_factory_generation_has_its_own_text(engine: str, factory: str) -> None:
    for vector in PARTED:
        (theirs,) = [answer for name, answer in vector["by_engine"].items() if engine in name]
        ours = _answer(vector["yaml"], factory)
        if "error" in theirs:
            assert "2001-01-01 is a timestamp" in ours["error"]
        else:
            assert ours == {"id": theirs["id"], "canonical": theirs["canonical"]}, vector["yaml"]


# The factory's reasons, as Go words them, and ours for the same.
REASONS = {
    "invalid Unicode character escape": "surrogate",
    "not found in type": "unknown key",
    "EOF": "the document is empty",
    "into uint8": "whole number from 0 to 255",
    "does not belong to BootloaderKind": "'auto' is none of",
    "into bool": "expected true or false",
}


@pytest.mark.parametrize("factory", FACTORIES.values())
def test_what_the_factory_rejects_is_rejected_for_its_reason(factory: str) -> None:
    for vector in REJECTED:
        (reason,) = [ours for theirs, ours in REASONS.items() if theirs in vector["error"]]
        assert reason in _answer(vector["yaml"], factory).get("error", "accepted"), vector["yaml"]
