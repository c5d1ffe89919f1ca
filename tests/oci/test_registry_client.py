"""The registry client against the practice registry: distribution specification v1.1."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from airgap.digest import Digest, sha256_of
from airgap.errors import IntegrityError, RegistryError
from airgap.net import RetryPolicy
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.manifest import Descriptor
from airgap.oci.registries import Registries
from airgap.oci.sources import FileSource
from lab.faults import LOGIN_PAGE
from lab.registry import Registry
from lab.tls import Authority
from tests.practice_images import PracticeImage, digest_of

REPOSITORY = "siderolabs/pause"
IMPATIENT = RetryPolicy(sleep=lambda _: None)


def descriptor_of(data: bytes) -> Descriptor:
    return Descriptor(
        media_type="application/octet-stream", digest=Digest.parse(digest_of(data)), size=len(data)
    )


class Collector(io.BytesIO):
    """A sink that keeps everything."""

    def restart(self) -> None:
        self.seek(0)
        self.truncate()


def test_index_comes_whole_by_tag_and_by_digest(
    client: RegistryClient, image: PracticeImage
) -> None:
    by_tag = client.manifest(REPOSITORY, "3.10")
    assert by_tag.raw == image.index
    assert client.manifest(REPOSITORY, str(by_tag.digest)).raw == image.index
    assert [str(child.digest) for child in by_tag.children] == [
        digest_of(child) for child in image.children
    ]


def test_absent_manifest_has_status_404(client: RegistryClient) -> None:
    with pytest.raises(RegistryError) as caught:
        client.manifest(REPOSITORY, "9.9")
    assert caught.value.status == 404
    assert not caught.value.retryable
    assert client.head_manifest(REPOSITORY, "9.9") is None
    assert client.head_manifest("no/such", "9.9") is None


def test_head_tells_digest_size_and_type_in_one_request(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    found = client.head_manifest(REPOSITORY, "3.10")
    assert found is not None
    assert str(found.digest) == image.digest
    assert found.size == len(image.index)
    assert found.media_type == "application/vnd.oci.image.index.v1+json"
    assert [exchange.method for exchange in registry.requests] == ["HEAD"]


def test_head_without_a_stated_digest_reads_the_manifest(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    registry.faults.add("/manifests/", method="HEAD", status=200, headers={"Content-Length": "3"})
    found = client.head_manifest(REPOSITORY, "3.10")
    assert found is not None
    assert str(found.digest) == image.digest


def test_manifest_with_other_bytes_than_its_digest_is_refused(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    registry.faults.add("/manifests/", status=200, body=image.children[0])
    with pytest.raises(IntegrityError, match="expected sha256:"):
        client.manifest(REPOSITORY, image.digest)


def test_login_page_with_200_is_named_as_such(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    registry.faults.add_login_page("/", times=None)
    blob = descriptor_of(image.blobs[1])
    for read in (
        lambda: client.manifest(REPOSITORY, "3.10"),
        lambda: client.head_manifest(REPOSITORY, "3.10"),
        lambda: client.tags(REPOSITORY),
        lambda: client.verify_blob(REPOSITORY, blob),
    ):
        with pytest.raises(RegistryError, match="HTML page"):
            read()
    assert LOGIN_PAGE.startswith(b"<!DOCTYPE html>")


def test_oversized_manifest_is_cut_off(client: RegistryClient, registry: Registry) -> None:
    registry.faults.add("/manifests/", status=200, body=b" " * (5 * 1024 * 1024))
    with pytest.raises(RegistryError, match="larger than"):
        client.manifest(REPOSITORY, "3.10")


def test_blob_is_streamed_and_verified(client: RegistryClient, image: PracticeImage) -> None:
    sink = Collector()
    client.download_blob(REPOSITORY, descriptor_of(image.blobs[1]), sink)
    assert sink.getvalue() == image.blobs[1]
    assert (
        client.read_blob(REPOSITORY, descriptor_of(image.blobs[0]), max_bytes=1000)
        == (image.blobs[0])
    )


def test_broken_blob_download_goes_on_where_it_stopped(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    registry.faults.add("/blobs/", truncate_to=1_200_000)
    sink = Collector()
    client.download_blob(REPOSITORY, descriptor_of(image.blobs[1]), sink)
    assert sink.getvalue() == image.blobs[1]
    first, second = registry.requests.select(path="/blobs/")
    # RFC 9110, 14.2: what came before the break is not asked for again.
    assert second.headers["Range"] == f"bytes={first.sent_bytes}-"
    assert first.sent_bytes + second.sent_bytes == len(image.blobs[1])


def test_server_that_ignores_ranges_is_read_from_the_start_without_doubling(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    layer = image.blobs[1]
    registry.faults.add("/blobs/", truncate_to=1_200_000)
    registry.faults.add("/blobs/", status=200, body=layer)
    sink = Collector()
    client.download_blob(REPOSITORY, descriptor_of(layer), sink)
    assert sink.getvalue() == layer


def test_206_that_does_not_continue_is_never_appended(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    registry.faults.add("/blobs/", truncate_to=1_200_000)
    registry.faults.add(
        "/blobs/", status=206, body=b"x" * 10, headers={"Content-Range": "bytes 7-16/3000000"}
    )
    sink = Collector()
    client.download_blob(REPOSITORY, descriptor_of(image.blobs[1]), sink)
    assert sink.getvalue() == image.blobs[1]


def test_flipped_bit_in_a_blob_is_found(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    registry.faults.add("/blobs/", flip_byte=2_000_000)
    with pytest.raises(IntegrityError, match="expected 3000000 with sha256:"):
        client.verify_blob(REPOSITORY, descriptor_of(image.blobs[1]))


def test_wrong_content_length_is_refused_before_the_bytes(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    registry.faults.add("/blobs/", status=200, body=b"short")
    sink = Collector()
    with pytest.raises(IntegrityError, match="has 5 bytes, expected 3000000"):
        client.download_blob(REPOSITORY, descriptor_of(image.blobs[1]), sink)
    assert sink.getvalue() == b""


def test_compressed_transfer_is_refused(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    registry.faults.add("/blobs/", status=200, body=b"?", headers={"Content-Encoding": "gzip"})
    with pytest.raises(RegistryError, match="Content-Encoding gzip"):
        client.verify_blob(REPOSITORY, descriptor_of(image.blobs[1]))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_transient_status_is_tried_again(
    client: RegistryClient, registry: Registry, image: PracticeImage, status: int
) -> None:
    registry.faults.add("/manifests/", times=2, status=status)
    registry.faults.add("/blobs/", times=2, status=status)
    assert client.manifest(REPOSITORY, "3.10").raw == image.index
    client.verify_blob(REPOSITORY, descriptor_of(image.blobs[1]))


@pytest.mark.parametrize("status", [400, 403, 404, 501])
def test_final_status_is_not_tried_again(
    client: RegistryClient, registry: Registry, status: int
) -> None:
    registry.faults.add("/manifests/", times=None, status=status)
    with pytest.raises(RegistryError) as caught:
        client.manifest(REPOSITORY, "3.10")
    assert caught.value.status == status
    assert len(registry.requests) == 1


def test_a_refusal_names_the_request_as_the_registry_does(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    """An Image Factory says no more than 500; its log has the rest, by this ID."""
    headers = {"X-Request-ID": "7f1c-from-the-log"}
    registry.faults.add("/v2/", times=None, status=500, headers=headers)
    named = r"\(request ID 7f1c-from-the-log\)"
    with pytest.raises(RegistryError, match=named):
        client.manifest(REPOSITORY, "3.10")
    with pytest.raises(RegistryError, match=named):
        client.verify_blob(REPOSITORY, descriptor_of(image.blobs[1]))


def test_a_request_id_that_is_none_is_not_repeated(
    client: RegistryClient, registry: Registry
) -> None:
    registry.faults.add("/manifests/", times=None, status=404, headers={"X-Request-ID": "a b"})
    with pytest.raises(RegistryError) as caught:
        client.manifest(REPOSITORY, "3.10")
    assert "request ID" not in str(caught.value)


def test_retry_after_is_waited_for(registry: Registry) -> None:
    waits: list[float] = []
    registry.faults.add("/manifests/", status=429, headers={"Retry-After": "7"})
    policy = RetryPolicy(sleep=waits.append)
    with RegistryClient(RegistryAddress(url=registry.url), retry=policy) as client:
        client.manifest(REPOSITORY, "3.10")
    assert waits == [7.0]


def test_dropped_connection_is_tried_again(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    registry.faults.add("/manifests/", drop=True)
    assert client.manifest(REPOSITORY, "3.10").raw == image.index


def test_unreachable_registry_is_a_retryable_registry_error() -> None:
    with RegistryClient(RegistryAddress(url="http://127.0.0.1:9"), retry=IMPATIENT) as client:
        with pytest.raises(RegistryError) as caught:
            client.manifest(REPOSITORY, "3.10")
        assert caught.value.retryable
        assert caught.value.status == 0


def test_tags_come_over_all_pages(image: PracticeImage) -> None:
    with Registry(page_size=2) as registry:
        for tag in ("a", "b", "c", "d", "e"):
            image.put(registry.content, REPOSITORY, tag)
        with RegistryClient(RegistryAddress(url=registry.url)) as client:
            assert client.tags(REPOSITORY) == ("a", "b", "c", "d", "e")


def test_next_page_on_another_host_is_refused(client: RegistryClient, registry: Registry) -> None:
    link = '<http://evil.example/v2/x/tags/list>; rel="next"'
    body = b'{"name": "x", "tags": ["a"]}'
    registry.faults.add("/tags/list", status=200, body=body, headers={"Link": link})
    with pytest.raises(RegistryError, match="next page"):
        client.tags(REPOSITORY)


def test_upload_then_mount_then_manifest(
    client: RegistryClient, registry: Registry, image: PracticeImage, tmp_path: Path
) -> None:
    data = b"a new layer" * 100_000
    path = tmp_path / "layer"
    path.write_bytes(data)
    blob = descriptor_of(data)
    assert not client.has_blob("site/one", blob.digest)
    assert client.upload_blob("site/one", blob, FileSource(path)) == "uploaded"
    assert (
        client.upload_blob("site/two", blob, FileSource(path), mount_from="site/one") == "mounted"
    )
    assert registry.content.pool.read(str(blob.digest)) == data
    assert client.has_blob("site/two", blob.digest)
    assert registry.uploads.open_sessions == 0


def test_upload_falls_back_when_the_mount_is_not_possible(
    client: RegistryClient, tmp_path: Path
) -> None:
    path = tmp_path / "layer"
    path.write_bytes(b"layer")
    blob = descriptor_of(b"layer")
    assert (
        client.upload_blob("site/two", blob, FileSource(path), mount_from="not/there") == "uploaded"
    )
    assert client.has_blob("site/two", blob.digest)


def test_broken_upload_is_begun_anew(
    client: RegistryClient, registry: Registry, tmp_path: Path
) -> None:
    registry.faults.add("/blobs/uploads/", method="PUT", status=503)
    path = tmp_path / "layer"
    path.write_bytes(b"layer")
    assert client.upload_blob("site/two", descriptor_of(b"layer"), FileSource(path)) == "uploaded"


def test_upload_location_without_tls_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    path = tmp_path / "layer"
    path.write_bytes(b"layer")
    with Registry(certificate=authority.issue()) as registry:
        location = registry.url.replace("https", "http") + "/v2/x/blobs/uploads/1"
        registry.faults.add(
            "/blobs/uploads/", method="POST", status=202, headers={"Location": location}
        )
        address = RegistryAddress(url=registry.url, ca=authority.ca_file.read_text())
        with (
            RegistryClient(address, retry=IMPATIENT) as client,
            pytest.raises(RegistryError, match="without TLS"),
        ):
            client.upload_blob("x", descriptor_of(b"layer"), FileSource(path))


def test_private_authority_is_trusted_only_when_given(tmp_path: Path, image: PracticeImage) -> None:
    authority = Authority(tmp_path / "ca")
    with Registry(certificate=authority.issue()) as registry:
        image.put(registry.content, REPOSITORY, "3.10")
        trusting = RegistryAddress(url=registry.url, ca=authority.ca_file.read_text())
        with RegistryClient(trusting) as client:
            client.manifest(REPOSITORY, "3.10")
            client.verify_blob(REPOSITORY, descriptor_of(image.blobs[1]))
        with RegistryClient(RegistryAddress(url=registry.url), retry=IMPATIENT) as client:
            with pytest.raises(RegistryError, match="not trusted") as caught:
                client.manifest(REPOSITORY, "3.10")
            with pytest.raises(RegistryError, match="not trusted"):
                client.verify_blob(REPOSITORY, descriptor_of(image.blobs[1]))
    assert "caFile" in caught.value.diagnostics()


def test_delete_tells_whether_it_was_there(
    client: RegistryClient, registry: Registry, image: PracticeImage
) -> None:
    assert client.delete_tag(REPOSITORY, "3.10")
    assert not client.delete_tag(REPOSITORY, "3.10")
    assert client.delete_manifest(REPOSITORY, Digest.parse(image.digest))
    assert client.head_manifest(REPOSITORY, image.digest) is None


def test_registry_that_does_not_delete_answers_405(image: PracticeImage) -> None:
    with Registry(deletes=False) as registry:
        image.put(registry.content, REPOSITORY, "3.10")
        with (
            RegistryClient(RegistryAddress(url=registry.url)) as client,
            pytest.raises(RegistryError) as caught,
        ):
            client.delete_tag(REPOSITORY, "3.10")
    assert caught.value.status == 405


@pytest.mark.parametrize("api", [True, False])
def test_referrers_come_by_api_or_by_fallback_tag(image: PracticeImage, api: bool) -> None:
    """Distribution specification v1.1, "Listing Referrers": the tag is `<alg>-<hex>`."""
    with Registry(without_referrers=() if api else ("",)) as registry:
        image.put(registry.content, REPOSITORY, "3.10")
        subject = Digest.parse(image.digest)
        with RegistryClient(RegistryAddress(url=registry.url)) as client:
            assert client.referrers(REPOSITORY, subject) == ()
            if not api:
                registry.content.tag(REPOSITORY, image.digest.replace(":", "-"), image.digest)
                found = client.referrers(REPOSITORY, subject)
                assert [str(item.digest) for item in found] == [
                    digest_of(child) for child in image.children
                ]


def test_redirected_host_reads_below_its_prefix(image: PracticeImage) -> None:
    class Cache:
        ca = None

        def __init__(self, url: str) -> None:
            self.url = url

    with Registry() as registry:
        image.put(registry.content, "ghcr.io/siderolabs/pause", "3.10")
        with Registries({"ghcr.io": Cache(f"{registry.url}/ghcr.io")}) as registries:
            client, repository = registries.locate("ghcr.io", REPOSITORY)
            assert repository == "ghcr.io/siderolabs/pause"
            assert client.manifest(repository, "3.10").digest == sha256_of(image.index)


def test_hosts_that_are_not_redirected_are_read_where_they_are() -> None:
    with Registries({}) as registries:
        hub, repository = registries.locate("docker.io", "library/nginx")
        assert (hub.address.url, repository) == ("https://registry-1.docker.io", "library/nginx")
        other, _ = registries.locate("registry.k8s.io", "pause")
        assert other.address.url == "https://registry.k8s.io"
        assert registries.locate("registry.k8s.io", "etcd")[0] is other
