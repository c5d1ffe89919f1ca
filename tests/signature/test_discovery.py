"""What is found attached to an image, in all forms, with how many requests.

Forms: cosign's tags (SIGNATURE_SPEC), and distribution specification v1.1, "Listing Referrers" and
"Referrers Tag Schema".
"""

from __future__ import annotations

import json

import pytest

from airgap.errors import IntegrityError
from airgap.signature.attached import MAX_ATTACHED
from tests.practice_images import OCI_INDEX, digest_of
from tests.signature.artifacts import payload_of, push_bundle, push_signature
from tests.signature.conftest import REPOSITORY, Bench

__all__: list[str] = []


def push_all(bench: Bench, digest: str) -> set[str]:
    """Attach one of each to a manifest; return what they are expected to be named by."""
    tag = digest.replace(":", "-")
    for suffix in (".sig", ".att", ".sbom"):
        layer = (payload_of(digest), {"form": suffix})
        push_signature(bench.pusher, REPOSITORY, digest, layer, suffix=suffix)
    api = bench.registry.has_referrers_api(REPOSITORY)
    artifact = push_bundle(bench.pusher, REPOSITORY, digest, b"{}", fallback=not api)
    tags = {f":{tag}{suffix}" for suffix in (".sig", ".att", ".sbom")}
    return tags | {f"@{artifact}" if api else f":{tag}"}


def names(bench: Bench, *subjects: str) -> set[str]:
    """Return what was found, without the repository."""
    found = bench.attached(*subjects)
    return {str(item.reference).removeprefix(f"ghcr.io/{REPOSITORY}") for item in found}


def test_every_form_is_found_of_the_index_and_of_each_child(bench: Bench) -> None:
    manifests = [bench.digest, *(digest_of(child) for child in bench.image.children)]
    expected = {name for digest in manifests for name in push_all(bench, digest)}
    assert names(bench, *manifests) == expected


def test_what_is_attached_to_an_attachment_is_found(bench: Bench) -> None:
    sbom = push_signature(
        bench.pusher, REPOSITORY, bench.digest, (b"{}", {"of": "image"}), suffix=".sbom"
    )
    push_signature(bench.pusher, REPOSITORY, sbom, (payload_of(sbom), {"of": "sbom"}))
    image, attached = bench.digest.replace(":", "-"), sbom.replace(":", "-")
    assert names(bench) == {f":{image}.sbom", f":{attached}.sig"}


def test_an_image_with_nothing_attached_costs_a_list_of_tags(bench: Bench) -> None:
    bench.registry.requests.clear()
    assert names(bench) == set()
    assert len(bench.registry.requests.select(path="tags/list")) == 1
    assert bench.registry.requests.select(method="HEAD") == []


def test_a_registry_without_the_api_is_asked_for_it_once(bench: Bench) -> None:
    """ghcr.io and Docker Hub have none: its absence costs one request, not one a manifest."""
    manifests = [bench.digest, *(digest_of(child) for child in bench.image.children)]
    bench.registry.requests.clear()
    assert names(bench, *manifests) == set()
    asked = len(bench.registry.requests.select(path="/referrers/"))
    assert asked == (3 if bench.registry.has_referrers_api(REPOSITORY) else 1)
    assert len(bench.registry.requests.select(path="/manifests/")) <= 1


def test_a_registry_without_lists_is_asked_for_each_tag(bench: Bench) -> None:
    expected = push_all(bench, bench.digest)
    bench.registry.faults.add(path="tags/list", status=405, times=None)
    assert names(bench) == expected


def test_what_anybody_could_attach_without_end_is_bounded(bench: Bench) -> None:
    for number in range(MAX_ATTACHED + 1):
        push_bundle(bench.pusher, REPOSITORY, bench.digest, str(number).encode())
    content, entries = bench.registry.content, []
    for item in content.referrers(REPOSITORY, bench.digest):
        kind, size = item.media_type, len(item.raw)
        entries.append({"mediaType": kind, "digest": str(item.digest), "size": size})
    fallback = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    tag = bench.digest.replace(":", "-")
    content.put_manifest(REPOSITORY, json.dumps(fallback).encode(), tag=tag)
    with pytest.raises(IntegrityError, match=f"more than {MAX_ATTACHED} artifacts"):
        names(bench)
