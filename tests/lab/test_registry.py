"""The practice registry against the OCI distribution specification v1.1."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest

from airgap.oci.manifest import ACCEPT, OCI_INDEX, OCI_MANIFEST
from lab.auth import BasicAuth, BearerAuth
from lab.registry import Registry

_LAYER = b"layer" * 1000
_EMPTY = "application/vnd.oci.empty.v1+json"
_DOCKER = "application/vnd.docker.distribution.manifest"


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry(deletes=True) as started:
        yield started
        assert started.crashes == []


def _manifest(*blobs: bytes, media_type: str = OCI_MANIFEST, **more: object) -> bytes:
    entries = [
        {"mediaType": "application/octet-stream", "size": len(blob), "digest": _digest(blob)}
        for blob in blobs
    ]
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {"mediaType": _EMPTY, "size": 2, "digest": _digest(b"{}")},
        "layers": entries,
        **more,
    }
    return json.dumps(document).encode()


def _index(*children: bytes, media_type: str = OCI_INDEX) -> bytes:
    entries = [
        {
            "mediaType": json.loads(child)["mediaType"],
            "size": len(child),
            "digest": _digest(child),
            "platform": {"os": "linux", "architecture": arch},
        }
        for child, arch in zip(children, ("amd64", "arm64"), strict=False)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode()


def _push(http: httpx.Client, registry: Registry, name: str, data: bytes) -> httpx.Response:
    begun = http.post(f"{registry.url}/v2/{name}/blobs/uploads/")
    assert begun.status_code == 202
    location = httpx.URL(urljoin(registry.url, begun.headers["Location"]))
    return http.put(location.copy_merge_params({"digest": _digest(data)}), content=data)


def _put(
    http: httpx.Client, registry: Registry, name: str, reference: str, raw: bytes
) -> httpx.Response:
    return http.put(
        f"{registry.url}/v2/{name}/manifests/{reference}",
        content=raw,
        headers={"Content-Type": json.loads(raw)["mediaType"]},
    )


def _code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["code"])


@pytest.fixture
def image(registry: Registry, http: httpx.Client) -> bytes:
    """Push an image `ghcr.io/org/app:v1`; return its manifest."""
    for blob in (b"{}", _LAYER):
        assert _push(http, registry, "ghcr.io/org/app", blob).status_code == 201
    raw = _manifest(_LAYER)
    assert _put(http, registry, "ghcr.io/org/app", "v1", raw).status_code == 201
    return raw


def test_what_was_pushed_is_pulled_by_tag_and_digest(
    registry: Registry, http: httpx.Client, image: bytes
) -> None:
    for reference in ("v1", _digest(image)):
        url = f"{registry.url}/v2/ghcr.io/org/app/manifests/{reference}"
        answer = http.get(url, headers={"Accept": ACCEPT})
        assert answer.content == image
        assert answer.headers["Content-Type"] == OCI_MANIFEST
        assert answer.headers["Docker-Content-Digest"] == _digest(image)
        head = http.head(url, headers={"Accept": ACCEPT})
        assert (head.headers["Content-Length"], head.content) == (str(len(image)), b"")


def test_a_blob_is_served_whole_by_range_and_by_head(
    registry: Registry, http: httpx.Client, image: bytes
) -> None:
    url = f"{registry.url}/v2/ghcr.io/org/app/blobs/{_digest(_LAYER)}"
    assert http.get(url).content == _LAYER
    assert http.head(url).headers["Content-Length"] == str(len(_LAYER))
    part = http.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, _LAYER[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(_LAYER)}"
    tail = http.get(url, headers={"Range": "bytes=4990-"})
    assert (tail.status_code, tail.content) == (206, _LAYER[4990:])
    beyond = http.get(url, headers={"Range": "bytes=5000-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */5000")


def test_a_manifest_is_refused_while_its_blobs_are_missing(
    registry: Registry, http: httpx.Client
) -> None:
    _push(http, registry, "org/app", b"{}")
    answer = _put(http, registry, "org/app", "v1", _manifest(_LAYER))
    assert (answer.status_code, _code(answer)) == (404, "MANIFEST_BLOB_UNKNOWN")
    child = _manifest()
    answer = _put(http, registry, "org/app", "v1", _index(child))
    assert (answer.status_code, _code(answer)) == (404, "MANIFEST_BLOB_UNKNOWN")


def test_a_blob_of_another_repository_is_not_seen_until_it_is_mounted(
    registry: Registry, http: httpx.Client, image: bytes
) -> None:
    digest = _digest(_LAYER)
    url = f"{registry.url}/v2/other"
    assert http.head(f"{url}/blobs/{digest}").status_code == 404
    query = {"mount": digest, "from": "ghcr.io/org/app"}
    mounted = http.post(f"{url}/blobs/uploads/", params=query)
    assert mounted.status_code == 201
    assert http.get(f"{url}/blobs/{digest}").content == _LAYER
    declined = http.post(
        f"{url}/blobs/uploads/", params={"mount": _digest(b"?"), "from": "ghcr.io/org/app"}
    )
    assert declined.status_code == 202


def test_a_blob_is_pushed_in_chunks_with_its_status_asked_between(
    registry: Registry, http: httpx.Client
) -> None:
    begun = http.post(f"{registry.url}/v2/org/app/blobs/uploads/")
    first = http.patch(
        begun.headers["Location"], content=_LAYER[:2000], headers={"Content-Range": "0-1999"}
    )
    assert (first.status_code, first.headers["Range"]) == (202, "0-1999")
    status = http.get(first.headers["Location"])
    assert (status.status_code, status.headers["Range"]) == (204, "0-1999")
    wrong = http.patch(
        status.headers["Location"], content=b"x", headers={"Content-Range": "4000-4000"}
    )
    assert wrong.status_code == 416
    done = http.put(
        httpx.URL(status.headers["Location"]).copy_merge_params({"digest": _digest(_LAYER)}),
        content=_LAYER[2000:],
        headers={"Content-Range": "2000-4999"},
    )
    assert (done.status_code, done.headers["Docker-Content-Digest"]) == (201, _digest(_LAYER))
    assert http.get(f"{registry.url}/v2/org/app/blobs/{_digest(_LAYER)}").content == _LAYER


def test_a_streamed_upload_is_taken_without_a_length(
    registry: Registry, http: httpx.Client
) -> None:
    begun = http.post(f"{registry.url}/v2/org/app/blobs/uploads/")
    streamed = http.patch(begun.headers["Location"], content=iter([_LAYER[:9], _LAYER[9:]]))
    assert (streamed.status_code, streamed.headers["Range"]) == (202, "0-4999")


def test_the_state_in_an_upload_location_has_to_be_kept(
    registry: Registry, http: httpx.Client
) -> None:
    begun = http.post(f"{registry.url}/v2/org/app/blobs/uploads/")
    bare = httpx.URL(begun.headers["Location"]).copy_with(query=None)
    answer = http.put(f"{bare}?digest={_digest(_LAYER)}", content=_LAYER)
    assert (answer.status_code, _code(answer)) == (400, "BLOB_UPLOAD_INVALID")


def test_bytes_that_do_not_match_their_digest_are_refused(
    registry: Registry, http: httpx.Client
) -> None:
    begun = http.post(f"{registry.url}/v2/org/app/blobs/uploads/")
    location = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": _digest(b"a")})
    answer = http.put(location, content=b"b")
    assert (answer.status_code, _code(answer)) == (400, "DIGEST_INVALID")
    _push(http, registry, "org/app", b"{}")
    answer = _put(http, registry, "org/app", _digest(b"a"), _manifest())
    assert (answer.status_code, _code(answer)) == (400, "MANIFEST_INVALID")


def test_an_index_needs_its_media_type_in_accept(
    registry: Registry, http: httpx.Client, image: bytes
) -> None:
    """distribution 2.8 and 3: curl's `*/*` is answered 404, `Accept header does not support`."""
    _put(http, registry, "ghcr.io/org/app", "multi", _index(image))
    url = f"{registry.url}/v2/ghcr.io/org/app/manifests/multi"
    assert http.get(url, headers={"Accept": "*/*"}).status_code == 404
    assert http.get(url, headers={"Accept": ACCEPT}).content == _index(image)


def test_a_docker_list_asked_for_by_tag_becomes_its_amd64_child(
    registry: Registry, http: httpx.Client
) -> None:
    """distribution rewrites a manifest list for clients that do not accept lists, by tag only."""
    for blob in (b"{}", _LAYER):
        _push(http, registry, "lib/app", blob)
    children = [
        _manifest(media_type=f"{_DOCKER}.v2+json"),
        _manifest(_LAYER, media_type=f"{_DOCKER}.v2+json"),
    ]
    for child in children:
        assert _put(http, registry, "lib/app", _digest(child), child).status_code == 201
    raw = _index(*children, media_type=f"{_DOCKER}.list.v2+json")
    assert _put(http, registry, "lib/app", "v1", raw).status_code == 201
    url = f"{registry.url}/v2/lib/app/manifests"
    single = {"Accept": f"{_DOCKER}.v2+json"}
    assert http.get(f"{url}/v1", headers=single).content == children[0]
    assert http.get(f"{url}/{_digest(raw)}", headers=single).status_code == 404
    assert http.get(f"{url}/v1", headers={"Accept": ACCEPT}).content == raw


def test_a_tag_can_move_between_two_reads(
    registry: Registry, http: httpx.Client, image: bytes
) -> None:
    repository = "ghcr.io/org/app"
    moved = _manifest()
    _put(http, registry, repository, _digest(moved), moved)
    registry.faults.add(
        "/manifests/v1", then=lambda: registry.content.tag(repository, "v1", _digest(moved))
    )
    url = f"{registry.url}/v2/{repository}/manifests/v1"
    reads = [http.get(url, headers={"Accept": ACCEPT}).content for _ in range(3)]
    assert reads == [image, moved, moved]


def test_tags_are_listed_in_pages(registry: Registry, http: httpx.Client, image: bytes) -> None:
    for tag in ("v3", "v2"):
        registry.content.tag("ghcr.io/org/app", tag, _digest(image))
    url = f"{registry.url}/v2/ghcr.io/org/app/tags/list"
    page = http.get(url, params={"n": 2})
    assert page.json() == {"name": "ghcr.io/org/app", "tags": ["v1", "v2"]}
    following = page.links["next"]["url"]
    assert http.get(urljoin(registry.url, following)).json()["tags"] == ["v3"]
    assert "next" not in http.get(url).links
    assert _code(http.get(f"{registry.url}/v2/nobody/tags/list")) == "NAME_UNKNOWN"


def test_referrers_are_listed_and_filtered(
    registry: Registry, http: httpx.Client, image: bytes
) -> None:
    subject = {"mediaType": OCI_MANIFEST, "size": len(image), "digest": _digest(image)}
    raw = _manifest(artifactType="text/x", subject=subject, annotations={"a": "b"})
    pushed = _put(http, registry, "ghcr.io/org/app", _digest(raw), raw)
    assert pushed.headers["OCI-Subject"] == _digest(image)
    url = f"{registry.url}/v2/ghcr.io/org/app/referrers/{_digest(image)}"
    answer = http.get(url)
    assert answer.headers["Content-Type"] == OCI_INDEX
    assert answer.json()["manifests"] == [
        {
            "mediaType": OCI_MANIFEST,
            "digest": _digest(raw),
            "size": len(raw),
            "artifactType": "text/x",
            "annotations": {"a": "b"},
        }
    ]
    filtered = http.get(url, params={"artifactType": "text/y"})
    assert filtered.json()["manifests"] == []
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    nobody = http.get(f"{registry.url}/v2/ghcr.io/org/app/referrers/{_digest(b'?')}")
    assert (nobody.status_code, nobody.json()["manifests"]) == (200, [])


def test_a_registry_without_referrers_answers_404(http: httpx.Client) -> None:
    """As ghcr.io does."""
    with Registry(without_referrers=("ghcr.io/",)) as registry:
        gone = http.get(f"{registry.url}/v2/ghcr.io/a/referrers/{_digest(b'')}")
        there = http.get(f"{registry.url}/v2/registry.k8s.io/a/referrers/{_digest(b'')}")
    assert (gone.status_code, there.status_code) == (404, 200)


def test_delete_is_405_unless_it_is_allowed(http: httpx.Client) -> None:
    with Registry() as registry:
        answer = http.delete(f"{registry.url}/v2/a/manifests/v1")
    assert (answer.status_code, _code(answer)) == (405, "UNSUPPORTED")


def test_tags_manifests_and_blobs_are_deleted(
    registry: Registry, http: httpx.Client, image: bytes
) -> None:
    base = f"{registry.url}/v2/ghcr.io/org/app"
    accept = {"Accept": ACCEPT}
    assert http.delete(f"{base}/manifests/v1").status_code == 202
    assert http.get(f"{base}/manifests/v1", headers=accept).status_code == 404
    assert http.get(f"{base}/manifests/{_digest(image)}", headers=accept).status_code == 200
    assert http.delete(f"{base}/manifests/{_digest(image)}").status_code == 202
    assert http.get(f"{base}/manifests/{_digest(image)}", headers=accept).status_code == 404
    assert http.delete(f"{base}/blobs/{_digest(_LAYER)}").status_code == 202
    assert http.head(f"{base}/blobs/{_digest(_LAYER)}").status_code == 404


def test_names_and_references_are_checked(registry: Registry, http: httpx.Client) -> None:
    assert _code(http.get(f"{registry.url}/v2/UPPER/manifests/v1")) == "NAME_INVALID"
    assert _code(http.get(f"{registry.url}/v2/a/blobs/sha256:12")) == "DIGEST_INVALID"
    assert _code(http.get(f"{registry.url}/v2/a/manifests/v1")) == "NAME_UNKNOWN"
    assert http.get(f"{registry.url}/v2/").status_code == 200


def test_basic_authentication(http: httpx.Client) -> None:
    with Registry(auth=BasicAuth({"u": "p"})) as registry:
        refused = http.get(f"{registry.url}/v2/")
        wrong = http.get(f"{registry.url}/v2/", auth=("u", "q"))
        good = http.get(f"{registry.url}/v2/", auth=("u", "p"))
    assert (refused.status_code, wrong.status_code, good.status_code) == (401, 401, 200)
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")


def _token(http: httpx.Client, challenge: str, auth: tuple[str, str] | None = None) -> str:
    scheme, _, rest = challenge.partition(" ")
    assert scheme == "Bearer"
    fields = dict(part.split("=", 1) for part in rest.replace('"', "").split(",", 2))
    query = {"service": fields["service"], "scope": fields["scope"]}
    return str(http.get(fields["realm"], params=query, auth=auth).json()["token"])


def test_bearer_tokens_cover_their_scope_only(http: httpx.Client) -> None:
    """The token specification: realm, service, scope; anonymous pull, as ghcr.io has it."""
    with Registry(auth=BearerAuth({"u": "p"})) as registry:
        registry.content.add_blob("org/app", _LAYER)
        registry.content.add_blob("org/other", _LAYER)
        blob = f"/blobs/{_digest(_LAYER)}"
        refused = http.get(f"{registry.url}/v2/org/app{blob}")
        assert refused.status_code == 401
        token = _token(http, refused.headers["WWW-Authenticate"])
        headers = {"Authorization": f"Bearer {token}"}
        assert http.get(f"{registry.url}/v2/org/app{blob}", headers=headers).content == _LAYER
        other = http.get(f"{registry.url}/v2/org/other{blob}", headers=headers)
        assert other.status_code == 401
        assert isinstance(registry.auth, BearerAuth)
        registry.auth.revoke_all()
        again = http.get(f"{registry.url}/v2/org/app{blob}", headers=headers)
        assert again.status_code == 401


def test_a_bearer_token_for_push_needs_a_user(http: httpx.Client) -> None:
    with Registry(auth=BearerAuth({"u": "p"})) as registry:
        url = f"{registry.url}/v2/org/app/blobs/uploads/"
        challenge = http.post(url).headers["WWW-Authenticate"]
        assert challenge.endswith('scope="repository:org/app:pull,push"')
        anonymous = {"Authorization": f"Bearer {_token(http, challenge)}"}
        known = {"Authorization": f"Bearer {_token(http, challenge, ('u', 'p'))}"}
        assert http.post(url, headers=anonymous).status_code == 401
        assert http.post(url, headers=known).status_code == 202


def test_content_kept_in_a_directory_is_known_after_a_restart(
    tmp_path_factory: pytest.TempPathFactory, http: httpx.Client
) -> None:
    directory = tmp_path_factory.mktemp("blobs")
    Registry(directory=directory).content.add_blob("a", _LAYER)
    again = Registry(directory=directory)
    again.content.link("a", _digest(_LAYER))
    with again:
        assert http.get(f"{again.url}/v2/a/blobs/{_digest(_LAYER)}").content == _LAYER
