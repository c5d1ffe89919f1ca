"""Referrers, listed by the registry or by us: distribution specification v1.1."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from airgap.digest import Digest
from airgap.errors import IntegrityError, RegistryError
from airgap.net import RetryPolicy
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.manifest import OCI_INDEX, OCI_MANIFEST, Manifest, parse_manifest
from lab.registry import Registry
from tests.practice_images import PracticeImage, digest_of

REPOSITORY = "siderolabs/pause"
EMPTY = b"{}"
PATIENT = RetryPolicy(sleep=lambda _: None)


def referrer(image: PracticeImage, name: str, **more: object) -> Manifest:
    """Make an artifact whose subject is an image (image specification v1.1, "Guidelines")."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.example.sbom.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": digest_of(EMPTY),
            "size": 2,
        },
        "layers": [],
        "subject": {"mediaType": OCI_INDEX, "digest": image.digest, "size": len(image.index)},
        "annotations": {"org.example.name": name},
        **more,
    }
    return parse_manifest(json.dumps(document).encode())


@pytest.fixture(params=[False, True], ids=["api", "fallback tag"])
def without_api(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def registry(image: PracticeImage, without_api: bool) -> Iterator[Registry]:
    with Registry(without_referrers=("",) if without_api else (), page_size=2) as running:
        image.put(running.content, REPOSITORY, "3.10")
        running.content.add_blob(REPOSITORY, EMPTY)
        yield running
    assert running.crashes == []


@pytest.fixture
def client(registry: Registry) -> Iterator[RegistryClient]:
    with RegistryClient(RegistryAddress(url=registry.url), retry=PATIENT) as connected:
        yield connected


only_without_api = pytest.mark.parametrize("without_api", [True], indirect=True)
only_with_api = pytest.mark.parametrize("without_api", [False], indirect=True)


def tag_of(image: PracticeImage) -> str:
    return image.digest.replace(":", "-")


def listed(registry: Registry, image: PracticeImage) -> list[dict[str, object]]:
    found = registry.content.find(REPOSITORY, tag_of(image))
    assert found is not None
    assert found.media_type == OCI_INDEX
    entries = json.loads(found.raw)["manifests"]
    assert isinstance(entries, list)
    return entries


def test_what_refers_to_an_image_is_found_however_it_is_listed(
    client: RegistryClient, image: PracticeImage
) -> None:
    pushed = [referrer(image, name) for name in ("a", "b", "c", "d", "e")]
    for item in pushed:
        client.put_manifest(REPOSITORY, str(item.digest), item)
    found = client.referrers(REPOSITORY, Digest.parse(image.digest))
    assert {item.digest for item in found} == {item.digest for item in pushed}
    assert {item.artifact_type for item in found} == {"application/vnd.example.sbom.v1+json"}


@only_with_api
def test_a_registry_that_lists_referrers_is_left_to_it(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    item = referrer(image, "a")
    client.put_manifest(REPOSITORY, str(item.digest), item)
    assert [e.method for e in registry.requests] == ["PUT"]
    assert registry.content.find(REPOSITORY, tag_of(image)) is None


@only_without_api
def test_an_entry_has_what_the_specification_wants(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    """ "Pushing Manifests with Subject": artifactType, or the config's media type; annotations."""
    first = referrer(image, "a")
    plain = referrer(image, "b", artifactType="", annotations={})
    for item in (first, plain):
        client.put_manifest(REPOSITORY, str(item.digest), item)
    assert listed(registry, image) == [
        {
            "mediaType": OCI_MANIFEST,
            "digest": str(first.digest),
            "size": len(first.raw),
            "artifactType": "application/vnd.example.sbom.v1+json",
            "annotations": {"org.example.name": "a"},
        },
        {
            "mediaType": OCI_MANIFEST,
            "digest": str(plain.digest),
            "size": len(plain.raw),
            "artifactType": "application/vnd.oci.empty.v1+json",
        },
    ]


@only_without_api
def test_a_referrer_put_twice_is_listed_once(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    item = referrer(image, "a")
    client.put_manifest(REPOSITORY, str(item.digest), item)
    before = registry.content.find(REPOSITORY, tag_of(image))
    client.put_manifest(REPOSITORY, str(item.digest), item)
    assert registry.content.find(REPOSITORY, tag_of(image)) == before


@only_without_api
def test_what_others_listed_stays_as_they_wrote_it(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    child = {
        "mediaType": OCI_MANIFEST,
        "digest": digest_of(image.children[0]),
        "size": len(image.children[0]),
        "data": "bm90IG91cnM=",
        "urls": ["https://example.com/a"],
    }
    theirs = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [child],
        "annotations": {"kept": "yes"},
    }
    raw = json.dumps(theirs, indent=2).encode()
    registry.content.put_manifest(REPOSITORY, raw, tag=tag_of(image))
    item = referrer(image, "a")
    client.put_manifest(REPOSITORY, str(item.digest), item)
    assert listed(registry, image)[0] == child
    found = registry.content.find(REPOSITORY, tag_of(image))
    assert found is not None
    assert json.loads(found.raw)["annotations"] == {"kept": "yes"}


@only_without_api
def test_an_image_under_the_fallback_tag_is_no_list_and_stays(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    registry.content.tag(REPOSITORY, tag_of(image), digest_of(image.children[0]))
    item = referrer(image, "a")
    with pytest.raises(IntegrityError, match="no index") as caught:
        client.put_manifest(REPOSITORY, str(item.digest), item)
    assert "remove it" in caught.value.diagnostics()
    found = registry.content.find(REPOSITORY, tag_of(image))
    assert found is not None
    assert str(found.digest) == digest_of(image.children[0])


@only_without_api
def test_many_threads_lose_no_entry(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    items = [referrer(image, str(number)) for number in range(12)]
    threads = [
        threading.Thread(target=client.put_manifest, args=(REPOSITORY, str(item.digest), item))
        for item in items
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry["digest"] for entry in listed(registry, image)} == {
        str(item.digest) for item in items
    }


@only_without_api
def test_an_entry_that_another_client_wrote_over_is_listed_again(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    older = registry.content.put_manifest(REPOSITORY, image.index, tag=tag_of(image))
    registry.faults.add(
        f"/manifests/{tag_of(image)}",
        method="PUT",
        then=lambda: registry.content.tag(REPOSITORY, tag_of(image), str(older.digest)),
    )
    item = referrer(image, "a")
    client.put_manifest(REPOSITORY, str(item.digest), item)
    assert str(item.digest) in {entry["digest"] for entry in listed(registry, image)}


@only_without_api
def test_a_list_that_others_never_stop_changing_is_an_error_with_its_cause(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    older = registry.content.put_manifest(REPOSITORY, image.index, tag=tag_of(image))
    registry.faults.add(
        f"/manifests/{tag_of(image)}",
        method="PUT",
        times=None,
        then=lambda: registry.content.tag(REPOSITORY, tag_of(image), str(older.digest)),
    )
    item = referrer(image, "a")
    with pytest.raises(RegistryError, match="is not kept there") as caught:
        client.put_manifest(REPOSITORY, str(item.digest), item)
    assert "somebody else" in caught.value.diagnostics()


@only_without_api
def test_that_there_is_no_api_is_asked_once_for_a_namespace(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    for digest in (image.digest, digest_of(image.children[0]), digest_of(image.children[1])):
        assert client.referrers(REPOSITORY, Digest.parse(digest)) == ()
    assert len(registry.requests.select(path="/referrers/")) == 1
    client.referrers("other/pause", Digest.parse(image.digest))
    assert len(registry.requests.select(path="/referrers/")) == 2


@only_with_api
def test_a_repository_that_is_not_there_says_nothing_about_the_api(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    body = b'{"errors": [{"code": "NAME_UNKNOWN", "message": "repository name not known"}]}'
    registry.faults.add("/referrers/", status=404, body=body)
    assert client.referrers(REPOSITORY, Digest.parse(image.digest)) == ()
    client.referrers(REPOSITORY, Digest.parse(image.digest))
    assert len(registry.requests.select(path="/referrers/")) == 2


@only_with_api
def test_referrers_without_end_are_refused(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    index = b'{"schemaVersion": 2, "mediaType": "%s", "manifests": []}' % OCI_INDEX.encode()
    path = f"/v2/{REPOSITORY}/referrers/{image.digest}?page=1"
    link = {"Link": f'<{path}>; rel="next"'}
    registry.faults.add("/referrers/", times=None, status=200, body=index, headers=link)
    with pytest.raises(RegistryError, match="endless pages"):
        client.referrers(REPOSITORY, Digest.parse(image.digest))
    assert len(registry.requests) == 2


@only_with_api
def test_a_list_of_referrers_that_is_no_index_is_refused(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    registry.faults.add("/referrers/", status=200, body=image.children[0])
    with pytest.raises(IntegrityError, match="no index"):
        client.referrers(REPOSITORY, Digest.parse(image.digest))
