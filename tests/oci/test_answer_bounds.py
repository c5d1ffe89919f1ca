"""What a registry may answer, and what is refused: each wrong answer by an error of its own."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest

from airgap.digest import Digest
from airgap.errors import AirgapError, IntegrityError, RegistryError
from airgap.net import RetryPolicy
from airgap.oci import listings
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.manifest import MAX_MANIFEST_BYTES, OCI_INDEX, Descriptor, parse_manifest
from lab.registry import Registry
from tests.oci.endless import Endless, Verbatim
from tests.oci.uploading import Memory, make_data
from tests.practice_images import PracticeImage, digest_of

REPOSITORY = "siderolabs/pause"
DEEP = b"[" * 200_000
ONCE = RetryPolicy(attempts=1)

Ask = Callable[[RegistryClient, PracticeImage], object]

SMALL = make_data(1000)

READS: dict[str, Ask] = {
    "manifest": lambda client, _: client.manifest(REPOSITORY, "3.10"),
    "tags": lambda client, _: client.tags(REPOSITORY),
    "referrers": lambda client, image: client.referrers(REPOSITORY, Digest.parse(image.digest)),
}
WRITES: dict[str, Ask] = {
    "upload": lambda client, _: client.upload_blob(
        "site/a", SMALL.descriptor, Memory(SMALL.content)
    ),
    "put": lambda client, image: client.put_manifest("a", "1", parse_manifest(image.index)),
    "delete": lambda client, _: client.delete_tag(REPOSITORY, "3.10"),
}
reads = pytest.mark.parametrize("ask", READS.values(), ids=READS.keys())
all_asked = pytest.mark.parametrize(
    "ask", [*READS.values(), *WRITES.values()], ids=[*READS.keys(), *WRITES.keys()]
)


@all_asked
def test_a_login_page_is_named(
    client: RegistryClient, registry: Registry, image: PracticeImage, ask: Ask
) -> None:
    registry.faults.add_login_page("/v2/", times=None)
    with pytest.raises(RegistryError) as caught:
        ask(client, image)
    assert not caught.value.retryable
    assert "HTML page" in str(caught.value) or caught.value.status == 200


@reads
def test_an_answer_that_was_compressed_on_the_way_is_refused(
    client: RegistryClient, registry: Registry, image: PracticeImage, ask: Ask
) -> None:
    registry.faults.add(
        "/v2/", status=200, body=gzip.compress(image.index), headers={"Content-Encoding": "gzip"}
    )
    with pytest.raises(RegistryError, match="Content-Encoding gzip"):
        ask(client, image)


@reads
def test_an_answer_shorter_than_its_content_length_is_never_taken(
    client: RegistryClient, registry: Registry, image: PracticeImage, ask: Ask
) -> None:
    registry.faults.add("/v2/", times=None, truncate_to=20)
    with pytest.raises(RegistryError, match="received 20 bytes, expected") as caught:
        ask(client, image)
    assert caught.value.retryable


@reads
def test_an_answer_without_end_is_cut_off(image: PracticeImage, ask: Ask) -> None:
    with (
        Endless(OCI_INDEX) as server,
        RegistryClient(RegistryAddress(url=server.url), retry=ONCE) as client,
        pytest.raises(RegistryError, match=f"larger than {MAX_MANIFEST_BYTES} bytes"),
    ):
        ask(client, image)
    assert server.sent_bytes < 3 * MAX_MANIFEST_BYTES + 8 * 1024 * 1024  # socket buffers


def test_a_blob_without_end_is_cut_off_at_its_size(image: PracticeImage) -> None:
    blob = Descriptor(media_type="", digest=Digest.parse(digest_of(image.blobs[0])), size=1000)
    with (
        Endless("application/octet-stream") as server,
        RegistryClient(RegistryAddress(url=server.url), retry=ONCE) as client,
        pytest.raises(IntegrityError, match="1000"),
    ):
        client.verify_blob(REPOSITORY, blob)


@pytest.mark.parametrize("ask", [READS["manifest"], READS["referrers"]])
def test_json_nested_too_deeply_is_named(
    client: RegistryClient, registry: Registry, image: PracticeImage, ask: Ask
) -> None:
    registry.faults.add("/v2/", status=200, body=DEEP)
    with pytest.raises(IntegrityError, match="nested too deeply"):
        ask(client, image)


def test_deep_json_is_no_list_of_tags(client: RegistryClient, registry: Registry) -> None:
    registry.faults.add("/v2/", status=200, body=DEEP)
    with pytest.raises(RegistryError, match="no list of tags"):
        client.tags(REPOSITORY)


@all_asked
def test_a_refusal_in_deep_json_is_still_a_refusal(
    client: RegistryClient, registry: Registry, image: PracticeImage, ask: Ask
) -> None:
    registry.faults.add("/v2/", times=None, status=403, body=DEEP)
    with pytest.raises(RegistryError) as caught:
        ask(client, image)
    assert caught.value.status == 403
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("tag", ["../../etc/passwd", "a b", "", "-x", "a" * 129, "sha256:0", 7])
def test_a_name_that_is_no_tag_is_refused(
    client: RegistryClient, registry: Registry, tag: object
) -> None:
    """Distribution specification v1.1: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`."""
    body = json.dumps({"name": REPOSITORY, "tags": ["3.10", tag]}).encode()
    registry.faults.add("/tags/list", status=200, body=body)
    with pytest.raises(RegistryError, match="which is no tag"):
        client.tags(REPOSITORY)


def test_more_tags_than_anybody_has_are_refused(
    client: RegistryClient, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "MAX_TAGS", 2)
    registry.faults.add("/tags/list", status=200, body=b'{"tags": ["a", "b", "c"]}')
    with pytest.raises(RegistryError, match="more than 2 tags"):
        client.tags(REPOSITORY)


def test_tags_whose_pages_run_in_a_circle_are_refused(
    client: RegistryClient, registry: Registry
) -> None:
    link = {"Link": f'</v2/{REPOSITORY}/tags/list?last=a>; rel="next"'}
    registry.faults.add("/tags/list", times=None, status=200, body=b'{"tags": []}', headers=link)
    with pytest.raises(RegistryError, match="endless pages"):
        client.tags(REPOSITORY)
    assert len(registry.requests) == 2


@pytest.mark.parametrize("length", ["9" * 18, str(MAX_MANIFEST_BYTES + 1)])
def test_an_absurd_length_of_a_head_is_not_believed(image: PracticeImage, length: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nDocker-Content-Digest: {image.digest}\r\nContent-Length: "
    close = "\r\nConnection: close\r\n\r\n"
    answers = (f"{head}{length}{close}", f"{head}{len(image.index)}{close}{image.index.decode()}")
    with (
        Verbatim(answer.encode() for answer in answers) as server,
        RegistryClient(RegistryAddress(url=server.url), retry=ONCE) as client,
    ):
        found = client.head_manifest(REPOSITORY, "3.10")
    assert found is not None
    assert found.size == len(image.index)


@pytest.mark.parametrize("size", [-1, 2**63, True, "7", None, 1.5])
def test_a_size_that_is_no_int64_is_refused(size: object) -> None:
    """Image specification v1.1, "Descriptors": size is an int64."""
    entry = {"mediaType": OCI_INDEX, "digest": digest_of(b""), "size": size}
    raw = json.dumps({"mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    with pytest.raises(IntegrityError, match="bad descriptor"):
        parse_manifest(raw)


@pytest.mark.parametrize("field", ["mediaType", "digest"])
def test_an_error_about_a_huge_field_stays_readable(field: str) -> None:
    entry = {"mediaType": OCI_INDEX, "digest": digest_of(b""), "size": 1, field: "x" * 1_000_000}
    document = {"mediaType": "x" * 1_000_000 if field == "mediaType" else OCI_INDEX}
    with pytest.raises(AirgapError) as caught:
        parse_manifest(json.dumps({**document, "manifests": [entry]}).encode())
    assert len(str(caught.value)) < 500
