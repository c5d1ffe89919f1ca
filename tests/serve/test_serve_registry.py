"""OCI distribution specification v1.1: pull and content discovery, section by section."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.serve.conftest import Ask, HandLayout

INDEX = "application/vnd.oci.image.index.v1+json"
SIGNATURE = "application/vnd.dev.sigstore.bundle.v0.3+json"
REPOSITORY = "ghcr.io/siderolabs/kubelet"
BASE = f"/v2/{REPOSITORY}"
LAYER = b"0123456789" * 300_000
ABSENT = "sha256:" + hashlib.sha256(b"nobody has this").hexdigest()


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def index_digest(layout: HandLayout) -> str:
    return str(layout.entries[0]["digest"])


# "Determining Support" (end-1)


def test_base_endpoint_answers_200(ask: Ask) -> None:
    assert ask("/v2/").status == 200
    assert ask("/v2/").headers["docker-distribution-api-version"] == "registry/2.0"


# "Pulling manifests" (end-3)


def test_manifest_by_tag_and_by_digest_is_the_stored_bytes(
    ask: Ask, hand_layout: HandLayout
) -> None:
    digest = index_digest(hand_layout)
    by_tag, by_digest = ask(f"{BASE}/manifests/v1.34.1"), ask(f"{BASE}/manifests/{digest}")
    for answer in (by_tag, by_digest):
        assert answer.status == 200
        assert digest_of(answer.body) == digest == answer.headers["docker-content-digest"]
        assert answer.headers["content-type"] == INDEX
    assert by_tag.headers["cache-control"] == "no-cache"
    assert "immutable" in by_digest.headers["cache-control"]


def test_head_of_a_manifest_has_the_length_and_no_body(ask: Ask) -> None:
    whole = ask(f"{BASE}/manifests/v1.34.1")
    head = ask(f"{BASE}/manifests/v1.34.1", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("content-length", "content-type", "docker-content-digest", "etag"):
        assert head.headers[name] == whole.headers[name]
    assert head.headers["content-length"] == str(len(whole.body))


def test_platform_manifest_of_an_index_is_served(ask: Ask) -> None:
    index = ask(f"{BASE}/manifests/v1.34.1").json()
    for child in index["manifests"]:
        answer = ask(f"{BASE}/manifests/{child['digest']}")
        assert digest_of(answer.body) == child["digest"]
        assert answer.headers["content-type"] == child["mediaType"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("reference", ["v9.9.9", ABSENT, ".INVALID_MANIFEST_NAME"])
def test_unknown_manifest_is_404(ask: Ask, method: str, reference: str) -> None:
    answer = ask(f"{BASE}/manifests/{reference}", method=method)
    assert answer.status == 404
    if method == "GET":
        assert answer.codes == ["MANIFEST_UNKNOWN"]


def test_blob_is_no_manifest(ask: Ask) -> None:
    index = ask(f"{BASE}/manifests/v1.34.1").json()
    manifest = ask(f"{BASE}/manifests/{index['manifests'][0]['digest']}").json()
    config = manifest["config"]["digest"]
    assert ask(f"{BASE}/manifests/{config}").codes == ["MANIFEST_UNKNOWN"]


# "Pulling blobs" (end-2)


def test_every_blob_is_served(ask: Ask) -> None:
    index = ask(f"{BASE}/manifests/v1.34.1").json()
    for child in index["manifests"]:
        manifest = json.loads(ask(f"{BASE}/manifests/{child['digest']}").body)
        for part in (manifest["config"], *manifest["layers"]):
            answer = ask(f"{BASE}/blobs/{part['digest']}")
            assert answer.status == 200
            assert digest_of(answer.body) == part["digest"]
            assert answer.headers["docker-content-digest"] == part["digest"]
            assert answer.headers["content-length"] == str(part["size"])
            assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{BASE}/blobs/{ABSENT}", 404, "BLOB_UNKNOWN"),
        (f"{BASE}/blobs/sha256:xyz", 400, "DIGEST_INVALID"),
        (f"/v2/ghcr.io/siderolabs/nothing/blobs/{ABSENT}", 404, "NAME_UNKNOWN"),
        ("/v2/ghcr.io/siderolabs/nothing/manifests/v1", 404, "NAME_UNKNOWN"),
        ("/v2/ghcr.io/siderolabs/nothing/tags/list", 404, "NAME_UNKNOWN"),
        ("/v2/ghcr.io/siderolabs/kubelet/elsewhere", 404, "NAME_INVALID"),
    ],
)
def test_errors_have_the_specified_form(ask: Ask, path: str, status: int, code: str) -> None:
    """ "Error Codes": `errors`, a list of objects with `code` and `message`."""
    answer = ask(path)
    assert (answer.status, answer.codes) == (status, [code])
    assert answer.headers["content-type"] == "application/json"
    assert isinstance(answer.json()["errors"][0]["message"], str)


def test_blob_of_another_repository_is_unknown(ask: Ask) -> None:
    nginx = json.loads(ask("/v2/docker.io/library/nginx/manifests/1.27.3").body)
    layer = nginx["layers"][0]["digest"]
    assert ask(f"/v2/docker.io/library/nginx/blobs/{layer}").status == 200
    assert ask(f"{BASE}/blobs/{layer}").codes == ["BLOB_UNKNOWN"]


# "Listing Tags" (end-8a, end-8b)


def test_tags_are_in_lexical_order(ask: Ask) -> None:
    assert ask(f"{BASE}/tags/list").json() == {
        "name": REPOSITORY,
        "tags": ["v1.33.2", "v1.34.0", "v1.34.1"],
    }


def test_pages_of_tags_follow_the_link_header(ask: Ask) -> None:
    found: list[object] = []
    path = f"{BASE}/tags/list?n=2"
    for _ in range(2):
        answer = ask(path)
        found += answer.json()["tags"]
        link = answer.headers.get("link")  # RFC 8288
        if link is None:
            break
        target, _, relation = link.partition(">; ")
        assert relation == 'rel="next"'
        path = target.removeprefix("<")
    assert found == ["v1.33.2", "v1.34.0", "v1.34.1"]
    assert link is None


@pytest.mark.parametrize(
    ("query", "tags"),
    [
        ("n=0", []),
        ("n=3", ["v1.33.2", "v1.34.0", "v1.34.1"]),
        ("n=1&last=v1.33.2", ["v1.34.0"]),
        ("last=v1.34.0", ["v1.34.1"]),
        ("last=v1.33.9", ["v1.34.0", "v1.34.1"]),  # `last` need not be a tag
        ("last=z", []),
    ],
)
def test_tags_are_limited_by_n_and_last(ask: Ask, query: str, tags: list[str]) -> None:
    assert ask(f"{BASE}/tags/list?{query}").json()["tags"] == tags


@pytest.mark.parametrize("limit", ["x", "-1", "1.5", ""])
def test_n_that_is_no_number_is_400(ask: Ask, limit: str) -> None:
    assert ask(f"{BASE}/tags/list?n={limit}").status == 400


# "Listing Referrers" (end-12a, end-12b)


def test_referrers_have_type_and_annotations(ask: Ask, hand_layout: HandLayout) -> None:
    answer = ask(f"{BASE}/referrers/{index_digest(hand_layout)}")
    assert (answer.status, answer.headers["content-type"]) == (200, INDEX)
    signature = hand_layout.entries[3]
    assert answer.json()["manifests"] == [
        {
            "mediaType": signature["mediaType"],
            "digest": signature["digest"],
            "size": signature["size"],
            "artifactType": SIGNATURE,
            "annotations": {"dev.sigstore.bundle.content": "dsse-envelope"},
        }
    ]
    assert "oci-filters-applied" not in answer.headers


def test_referrers_are_filtered_by_artifact_type(ask: Ask, hand_layout: HandLayout) -> None:
    path = f"{BASE}/referrers/{index_digest(hand_layout)}"
    same = ask(f"{path}?artifactType={SIGNATURE.replace('+', '%2B')}")
    other = ask(f"{path}?artifactType=application/spdx")
    assert len(same.json()["manifests"]) == 1
    assert other.json()["manifests"] == []
    assert same.headers["oci-filters-applied"] == "artifactType"
    assert other.headers["oci-filters-applied"] == "artifactType"


def test_digest_without_referrers_has_an_empty_index(ask: Ask) -> None:
    answer = ask(f"{BASE}/referrers/{ABSENT}")
    assert answer.status == 200
    assert answer.json() == {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}


def test_referrers_of_no_digest_are_400(ask: Ask) -> None:
    assert ask(f"{BASE}/referrers/sha256:xyz").status == 400


# containerd's mirrors: `?ns=<registry>`, with and without the registry in the path


@pytest.mark.parametrize(
    "path",
    [
        "/v2/siderolabs/kubelet/manifests/v1.34.1?ns=ghcr.io",
        f"{BASE}/manifests/v1.34.1?ns=ghcr.io",
        "/v2/siderolabs/kubelet/tags/list?ns=ghcr.io&n=1",
    ],
)
def test_namespace_of_containerd_is_understood(ask: Ask, path: str) -> None:
    assert ask(path).status == 200


def test_other_namespace_is_another_repository(ask: Ask) -> None:
    assert ask("/v2/siderolabs/kubelet/manifests/v1.34.1?ns=docker.io").codes == ["NAME_UNKNOWN"]


def test_next_page_keeps_the_namespace(ask: Ask) -> None:
    link = ask("/v2/siderolabs/kubelet/tags/list?ns=ghcr.io&n=1").headers["link"]
    assert ask(link[1:].partition(">")[0]).json()["tags"] == ["v1.34.0"]


# Read-only


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{BASE}/blobs/uploads/"),
        ("PUT", f"{BASE}/manifests/v1.34.1"),
        ("DELETE", f"{BASE}/manifests/v1.34.1"),
        ("PATCH", f"{BASE}/blobs/uploads/1"),
        ("POST", "/v1.11.5/vmlinuz-amd64"),
    ],
)
def test_nothing_can_be_written(ask: Ask, hand_layout: HandLayout, method: str, path: str) -> None:
    before = sorted(hand_layout.root.rglob("*"))
    answer = ask(path, method=method)
    assert (answer.status, answer.codes) == (405, ["UNSUPPORTED"])
    assert answer.headers["allow"] == "GET, HEAD"  # RFC 9110, 15.5.6
    assert sorted(hand_layout.root.rglob("*")) == before


# A store that changes while it is served


def test_new_name_is_served_without_a_restart(ask: Ask, hand_layout: HandLayout) -> None:
    path = "/v2/registry.k8s.io/pause/manifests/3.10"
    assert ask(path).status == 404
    manifest = hand_layout.manifest(b"pause layer")
    hand_layout.name(manifest, "registry.k8s.io/pause:3.10")
    assert ask(path).headers["docker-content-digest"] == manifest["digest"]


def test_names_that_are_no_references_harm_nobody(ask: Ask, hand_layout: HandLayout) -> None:
    hand_layout.name(hand_layout.manifest(b"x"), "latest")
    hand_layout.entries.append(hand_layout.manifest(b"y"))
    hand_layout.write()
    assert ask(f"{BASE}/manifests/v1.34.1").status == 200


# A store that is damaged


def test_altered_manifest_is_an_error_and_never_served(ask: Ask, hand_layout: HandLayout) -> None:
    digest = index_digest(hand_layout)
    path = hand_layout.root / "blobs" / "sha256" / digest.removeprefix("sha256:")
    path.write_bytes(path.read_bytes().replace(b"index", b"INDEX"))
    answer = ask(f"{BASE}/manifests/v1.34.1")
    assert (answer.status, answer.codes) == (500, ["MANIFEST_UNKNOWN"])
    # What lies below is not known to be absent, so it is no 404 either.
    layer = f"{BASE}/blobs/{digest_of(LAYER)}"
    assert ask(layer).status == 500
    assert ask(f"{BASE}/referrers/{digest}").status == 500
    assert ask("/v2/docker.io/library/nginx/manifests/1.27.3").status == 200
    path.write_bytes(path.read_bytes().replace(b"INDEX", b"index"))  # repaired while it runs
    assert ask(layer).body == LAYER
    assert ask(f"{BASE}/referrers/{digest}").status == 200


def test_truncated_blob_is_an_error_and_never_served(ask: Ask, hand_layout: HandLayout) -> None:
    nginx = json.loads(ask("/v2/docker.io/library/nginx/manifests/1.27.3").body)
    layer = nginx["layers"][0]["digest"]
    (hand_layout.root / "blobs" / "sha256" / layer.removeprefix("sha256:")).write_bytes(b"ngi")
    for method in ("GET", "HEAD"):
        assert ask(f"/v2/docker.io/library/nginx/blobs/{layer}", method=method).status == 500


def test_broken_index_makes_the_server_unhealthy_until_it_is_whole(
    ask: Ask, hand_layout: HandLayout
) -> None:
    assert ask("/healthz").status == 200
    (hand_layout.root / "index.json").write_text("{")
    assert ask("/healthz").status == 500
    hand_layout.write()
    assert ask("/healthz").status == 200


# Layout prefix: a repository's component has no colon, so the port follows an underscore


@pytest.mark.parametrize("path", ["registry.corp_5000/app/web", "registry.corp:5000/app/web"])
def test_an_upstream_host_with_a_port_is_found_where_nodes_look(
    ask: Ask, hand_layout: HandLayout, path: str
) -> None:
    manifest = hand_layout.manifest(b"web layer")
    hand_layout.name(manifest, "registry.corp:5000/app/web:1.0")
    answer = ask(f"/v2/{path}/manifests/1.0")
    assert answer.status == 200
    assert answer.headers["docker-content-digest"] == manifest["digest"]
    assert ask(f"/v2/{path}/tags/list").json()["tags"] == ["1.0"]


# An Image Factory reads the upstream path without its host (image-factory v1.5.0, artifacts.core)


def test_a_factory_finds_what_is_siderolabs_without_the_host(
    ask: Ask, hand_layout: HandLayout
) -> None:
    at = "/v2/siderolabs/kubelet"
    manifest = ask(f"{at}/manifests/v1.34.1")
    assert digest_of(manifest.body) == index_digest(hand_layout)
    assert ask(f"{at}/manifests/{index_digest(hand_layout)}").body == manifest.body
    assert ask(f"{at}/blobs/{digest_of(LAYER)}").body == LAYER
    assert ask(f"{at}/tags/list").json() == {
        "name": "siderolabs/kubelet",
        "tags": ["v1.33.2", "v1.34.0", "v1.34.1"],
    }


def test_a_machine_that_names_another_registry_does_not_get_what_is_for_factories(
    ask: Ask,
) -> None:
    assert ask("/v2/siderolabs/kubelet/manifests/v1.34.1?ns=quay.io").status == 404
    assert ask("/v2/siderolabs/kubelet/manifests/v1.34.1?ns=ghcr.io").status == 200


def test_nothing_else_is_answered_without_its_host(ask: Ask) -> None:
    assert ask("/v2/library/nginx/manifests/1.27.3").status == 404
