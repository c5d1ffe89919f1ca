"""A registry's rations, by way of its client: manifests are counted apart from blobs.

Docker Hub counts pulls by requests for manifests ("GET requests on registry manifest URLs,
/v2/*/manifests/*"; blobs are free), tells what is left in RateLimit-Remaining, and answers 429.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from werkzeug.wrappers import Response

from airgap.digest import Digest
from airgap.errors import RegistryError
from airgap.net import Traffic
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.manifest import Descriptor, parse_manifest
from lab.registry import Registry
from tests.net.clock import Clock
from tests.oci.uploading import Memory, make_data
from tests.practice_images import PracticeImage, digest_of

REPOSITORY = "siderolabs/pause"
SIX_HOURS = "21600"


@pytest.fixture
def traffic() -> Traffic:
    clock = Clock()
    return Traffic(clock=clock.monotonic, sleep=clock.sleep)


@pytest.fixture
def registry(image: PracticeImage) -> Iterator[Registry]:
    with Registry() as running:
        image.put(running.content, REPOSITORY, "3.10")
        yield running
    assert running.crashes == []


@pytest.fixture
def client(registry: Registry, traffic: Traffic) -> Iterator[RegistryClient]:
    with RegistryClient(RegistryAddress(url=registry.url), traffic=traffic) as connected:
        yield connected


def layer_of(image: PracticeImage) -> Descriptor:
    layer = image.blobs[1]
    return Descriptor(media_type="", digest=Digest.parse(digest_of(layer)), size=len(layer))


def use_up(registry: Registry, path: str, *, by: str) -> None:
    """Let the next answer, or refusal, say that there is nothing left for six hours."""
    if by == "429":
        registry.faults.add(path, status=429, headers={"Retry-After": SIX_HOURS})
        return

    def tell(response: Response) -> Response:
        response.headers["RateLimit-Remaining"] = "0"
        response.headers["RateLimit-Reset"] = SIX_HOURS
        return response

    registry.faults.add(path, alter=tell)


def read(client: RegistryClient, *, by: str) -> None:
    """Ask for a manifest, which is the last there is, or one too many."""
    if by != "429":
        client.manifest(REPOSITORY, "3.10")
        return
    with pytest.raises(RegistryError, match="no more before"):
        client.manifest(REPOSITORY, "3.10")


Ask = Callable[[RegistryClient, PracticeImage], object]
OF_MANIFESTS: dict[str, Ask] = {
    "read": lambda client, _: client.manifest(REPOSITORY, "3.10"),
    "head": lambda client, _: client.head_manifest(REPOSITORY, "3.10"),
    "put": lambda client, image: client.put_manifest(
        REPOSITORY, "new", parse_manifest(image.index, source="")
    ),
}
OF_BLOBS: dict[str, Ask] = {
    "read": lambda client, image: client.verify_blob(REPOSITORY, layer_of(image)),
    "open": lambda client, image: client.open_blob(REPOSITORY, layer_of(image)).close(),
    "head": lambda client, image: client.has_blob(REPOSITORY, layer_of(image).digest),
    "upload": lambda client, _: client.upload_blob(
        REPOSITORY, make_data(5).descriptor, Memory(make_data(5).content)
    ),
}


@pytest.mark.parametrize("by", ["429", "remaining"])
@pytest.mark.parametrize("ask", OF_MANIFESTS.values(), ids=OF_MANIFESTS)
def test_registry_whose_manifests_are_used_up_is_asked_for_none(
    registry: Registry, client: RegistryClient, image: PracticeImage, by: str, ask: Ask
) -> None:
    use_up(registry, "/manifests/", by=by)
    read(client, by=by)
    registry.requests.clear()
    with pytest.raises(RegistryError, match="its rate limit is used up") as caught:
        ask(client, image)
    assert caught.value.status == 429
    assert len(registry.requests) == 0


@pytest.mark.parametrize("by", ["429", "remaining"])
@pytest.mark.parametrize("ask", OF_BLOBS.values(), ids=OF_BLOBS)
def test_registry_whose_manifests_are_used_up_still_has_its_blobs_read(
    registry: Registry, client: RegistryClient, image: PracticeImage, by: str, ask: Ask
) -> None:
    use_up(registry, "/manifests/", by=by)
    read(client, by=by)
    registry.requests.clear()
    ask(client, image)
    assert {exchange.status for exchange in registry.requests} <= {200, 201, 202}
    assert len(registry.requests) > 0


@pytest.mark.parametrize("ask", OF_MANIFESTS.values(), ids=OF_MANIFESTS)
def test_registry_that_gives_no_blobs_for_hours_still_has_its_manifests_read(
    registry: Registry, client: RegistryClient, image: PracticeImage, ask: Ask
) -> None:
    use_up(registry, "/blobs/", by="429")
    with pytest.raises(RegistryError, match="no more before"):
        client.verify_blob(REPOSITORY, layer_of(image))
    ask(client, image)
    registry.requests.clear()
    for of_blobs in OF_BLOBS.values():
        with pytest.raises(RegistryError, match="its rate limit is used up"):
            of_blobs(client, image)
    assert len(registry.requests) == 0
