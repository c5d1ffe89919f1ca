"""Indexes cut down to platforms, against the OCI image specification and BuildKit's storage of
attestations (docs/attestations/attestation-storage.md of moby/buildkit)."""

from __future__ import annotations

import json
from itertools import permutations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airgap.errors import IntegrityError
from airgap.oci.manifest import Platform, parse_manifest
from airgap.oci.subset import is_chosen, subset_index

__all__: list[str] = []

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

Entry = dict[str, object]


def entry(letter: str, platform: str = "", *, attests: str = "", version: str = "") -> Entry:
    """Return a descriptor whose digest is a letter, 64 times."""
    found: Entry = {"mediaType": OCI_MANIFEST, "digest": f"sha256:{letter * 64}", "size": 7}
    if platform:
        os, architecture, *variant = platform.split("/")
        stated = {"os": os, "architecture": architecture}
        stated |= {"variant": variant[0]} if variant else {}
        found["platform"] = stated | ({"os.version": version} if version else {})
    if attests:
        found["annotations"] = {
            "vnd.docker.reference.digest": f"sha256:{attests * 64}",
            "vnd.docker.reference.type": "attestation-manifest",
        }
    return found


def index(*entries: Entry, media_type: str = OCI_INDEX, **more: object) -> bytes:
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": list(entries), **more}
    return json.dumps(document, indent=3).encode()


WHOLE = index(
    entry("a", "linux/amd64"),
    entry("b", "linux/arm64/v8"),
    entry("c", "linux/arm/v7"),
    entry("d", "windows/amd64", version="10.0.17763"),
    entry("e", "windows/amd64", version="10.0.20348"),
    entry("f", "unknown/unknown", attests="a"),
    entry("0", "unknown/unknown", attests="b"),
)


def letters(raw: bytes) -> str:
    """Return the first hex digit of each entry, in order."""
    return "".join(item["digest"][7] for item in json.loads(raw)["manifests"])


@pytest.mark.parametrize(
    ("platforms", "kept"),
    [
        (["linux/amd64"], "af"),
        (["linux/arm64"], "b0"),
        (["linux/arm64/v8"], "b0"),
        (["linux/arm/v7"], "c"),
        (["linux/arm"], "c"),
        (["windows/amd64"], "de"),
        (["linux/amd64", "linux/arm64"], "abf0"),
        (["linux/amd64", "linux/s390x"], "af"),
    ],
)
def test_the_chosen_platforms_stay_with_their_attestations_in_order(
    platforms: list[str], kept: str
) -> None:
    assert letters(subset_index(WHOLE, platforms)) == kept


def test_the_same_choice_gives_the_same_bytes_in_any_order() -> None:
    chosen = ("linux/arm64", "windows/amd64", "linux/amd64")
    assert len({subset_index(WHOLE, order) for order in permutations(chosen)}) == 1


def test_what_is_kept_keeps_every_key_of_its_own_and_of_the_index() -> None:
    child = entry("a", "linux/amd64", version="6.1") | {"x-unknown": [1, {"y": "\u00e9"}]}
    notes = {"org.opencontainers.image.version": "1.2"}
    raw = index(child, entry("b", "linux/arm64"), annotations=notes, artifactType="a/b")
    cut = json.loads(subset_index(raw, ["linux/amd64"]))
    assert cut == json.loads(raw) | {"manifests": [child]}
    assert list(cut) == ["schemaVersion", "mediaType", "manifests", "annotations", "artifactType"]


def test_an_index_that_loses_nothing_keeps_its_bytes_and_so_its_digest() -> None:
    raw = index(entry("a", "linux/amd64"), entry("f", "unknown/unknown", attests="a"))
    assert subset_index(raw, ["linux/amd64", "linux/arm64"]) == raw


def test_an_entry_that_states_no_platform_stays() -> None:
    raw = index(entry("a", "linux/amd64"), entry("b", "linux/arm64"), entry("c"))
    assert letters(subset_index(raw, ["linux/amd64"])) == "ac"


def test_an_attestation_without_a_platform_goes_with_its_subject() -> None:
    raw = index(entry("a", "linux/amd64"), entry("b", "linux/arm64"), entry("c", attests="b"))
    assert letters(subset_index(raw, ["linux/amd64"])) == "a"


def test_a_docker_manifest_list_stays_one() -> None:
    raw = index(entry("a", "linux/amd64"), entry("b", "linux/arm64"), media_type=DOCKER_LIST)
    assert parse_manifest(subset_index(raw, ["linux/amd64"])).media_type == DOCKER_LIST


def test_an_index_that_has_none_of_the_platforms_is_refused() -> None:
    with pytest.raises(IntegrityError, match="has none of linux/s390x, linux/riscv64"):
        subset_index(WHOLE, ["linux/s390x", "linux/riscv64"])


def test_an_image_of_one_platform_is_refused() -> None:
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2}
    config["digest"] = f"sha256:{'a' * 64}"
    raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config}).encode()
    with pytest.raises(IntegrityError, match="not an index"):
        subset_index(raw, ["linux/amd64"])


@pytest.mark.parametrize(
    ("platform", "wanted", "chosen"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/amd64/v1", True),
        ("linux/amd64/v3", "linux/amd64", True),
        ("linux/amd64/v3", "linux/amd64/v2", False),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/arm", "linux/arm/v7", True),
        ("windows/amd64", "linux/amd64", False),
        ("linux/arm64", "linux/arm", False),
        ("unknown/unknown", "linux/amd64", False),
    ],
)
def test_a_missing_variant_is_the_usual_one(platform: str, wanted: str, chosen: bool) -> None:
    """The usual variants are containerd's (platforms/database.go, normalizeArch)."""
    os, architecture, *variant = platform.split("/")
    parsed = Platform(os=os, architecture=architecture, variant="".join(variant))
    assert is_chosen(parsed, [wanted]) is chosen


_PLATFORMS = st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm/v7", "windows/amd64"])


@given(st.lists(st.tuples(st.sampled_from("0123456789"), _PLATFORMS), min_size=1), _PLATFORMS)
def test_a_subset_of_a_subset_is_the_subset(pairs: list[tuple[str, str]], chosen: str) -> None:
    assume(any(platform == chosen for _, platform in pairs))
    raw = index(*(entry(letter, platform) for letter, platform in pairs))
    once = subset_index(raw, [chosen])
    assert subset_index(once, [chosen]) == once


def test_the_bytes_of_a_cut_index_are_those_of_every_release() -> None:
    """Written down by hand from docs/adr/0007: locks hold the digests of such bytes."""
    raw = index(entry("a", "linux/amd64"), entry("b", "linux/arm64"), annotations={"k": "\u00fc"})
    assert (
        subset_index(raw, ["linux/amd64"])
        == (
            '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":['
            '{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:'
            f'{"a" * 64}","size":7,"platform":{{"os":"linux","architecture":"amd64"}}}}],'
            '"annotations":{"k":"\u00fc"}}'
        ).encode()
    )
