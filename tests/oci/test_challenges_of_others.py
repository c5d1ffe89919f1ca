"""Whose challenge is answered: the registry's own, wherever its realm is, and nobody else's.

RFC 9110, 11.6.1: a challenge is for the resource that answered it; a host that a redirect or an
upload's Location leads to is another one. Docker Hub's realm, in contrast, is on a host of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from werkzeug.wrappers import Request, Response

from airgap.digest import Digest
from airgap.errors import RegistryError
from airgap.net import RetryPolicy
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.credentials import Credential
from airgap.oci.manifest import Descriptor
from lab.auth import BasicAuth
from lab.registry import Registry
from lab.server import Simulator
from tests.oci.uploading import Memory, make_data
from tests.practice_images import PracticeImage, digest_of

REPOSITORY = "siderolabs/pause"
MARKED = "s3cret-MARKED"
IMPATIENT = RetryPolicy(sleep=lambda _: None)
PASSWORD = Credential(username="site", password=MARKED)
IDENTITY = Credential(identity_token=MARKED)


class Known:
    """The same credential for every host."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def find(self, _host: str, /) -> Credential | None:
        return self._credential


class Thief(Simulator):
    """Wants a token for everything, and is the realm itself; keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def respond(self, request: Request) -> Response:
        self.heard += [request.headers.get("Authorization", ""), request.get_data(as_text=True)]
        if request.path == "/token":
            return Response(json.dumps({"token": "t"}), content_type="application/json")
        realm = f'Bearer realm="{self.url}/token",service="thief"'
        return Response(b"", status=401, headers={"WWW-Authenticate": realm})


@pytest.fixture
def thief() -> Iterator[Thief]:
    with Thief() as running:
        yield running
    assert running.crashes == []


def connect(registry: Registry, credential: Credential) -> RegistryClient:
    address = RegistryAddress(url=registry.url)
    return RegistryClient(address, credentials=Known(credential), retry=IMPATIENT)


def check_nothing_was_stolen(thief: Thief, error: RegistryError) -> None:
    assert thief.requests.select(path="/token") == []
    assert set(thief.heard) == {""}
    assert error.status == 401
    assert not error.retryable
    told = error.diagnostics()
    assert thief.url in told, "the host that answered is named"
    assert "check the credentials" not in told, "ours are not what is wrong"
    assert MARKED not in told


@pytest.mark.parametrize(
    ("credential", "asks_first"),
    [(PASSWORD, True), (PASSWORD, False), (IDENTITY, False)],
    ids=["password-in-use", "password", "refresh-token"],
)
def test_blob_on_another_host_that_wants_a_token_gets_no_credential(
    thief: Thief, credential: Credential, asks_first: bool
) -> None:
    with Registry() as registry:
        blob = Descriptor(media_type="", digest=Digest.parse(digest_of(b"12345")), size=5)
        if asks_first:
            registry.faults.add(
                "/blobs/", times=1, status=401, headers={"WWW-Authenticate": 'Basic realm="r"'}
            )
        location = f"{thief.url}/data?X-Signature=secret"
        registry.faults.add("/blobs/", times=None, status=307, headers={"Location": location})
        with (
            connect(registry, credential) as client,
            pytest.raises(RegistryError) as caught,
        ):
            client.verify_blob(REPOSITORY, blob)
    check_nothing_was_stolen(thief, caught.value)
    assert "X-Signature=secret" not in caught.value.diagnostics()


@pytest.mark.parametrize("credential", [PASSWORD, IDENTITY], ids=["password", "refresh-token"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.manifest(REPOSITORY, "3.10"),
        lambda client: client.head_manifest(REPOSITORY, "3.10"),
        lambda client: client.tags(REPOSITORY),
    ],
    ids=["manifest", "head", "tags"],
)
def test_small_answer_of_another_host_that_wants_a_token_gets_no_credential(
    thief: Thief, credential: Credential, ask: Callable[[RegistryClient], object]
) -> None:
    with Registry() as registry:
        location = f"{thief.url}/elsewhere"
        registry.faults.add("/v2/", times=None, status=307, headers={"Location": location})
        with connect(registry, credential) as client, pytest.raises(RegistryError) as caught:
            ask(client)
    check_nothing_was_stolen(thief, caught.value)


@pytest.mark.parametrize("credential", [PASSWORD, IDENTITY], ids=["password", "refresh-token"])
@pytest.mark.parametrize("size", [5, 9 * 1024 * 1024])
def test_upload_location_on_another_host_that_wants_a_token_gets_no_credential(
    thief: Thief, credential: Credential, size: int
) -> None:
    data = make_data(size)
    with Registry() as registry:
        location = f"{thief.url}/upload/1"
        registry.faults.add(
            "/blobs/uploads/", method="POST", times=None, status=202, headers={"Location": location}
        )
        with connect(registry, credential) as client, pytest.raises(RegistryError) as caught:
            client.upload_blob(REPOSITORY, data.descriptor, Memory(data.content))
    assert thief.requests.select(path="/token") == []
    assert all(MARKED not in heard and "Basic" not in heard for heard in thief.heard)
    assert caught.value.status == 401
    assert thief.url in caught.value.diagnostics()
    assert MARKED not in caught.value.diagnostics()


def test_after_a_thief_the_registry_itself_is_spoken_to_as_before(
    thief: Thief, image: PracticeImage
) -> None:
    """Its challenge must not stand in the way of the registry's own."""
    with Registry(auth=BasicAuth({"site": MARKED})) as registry:
        image.put(registry.content, REPOSITORY, "3.10")
        with connect(registry, PASSWORD) as client:
            client.manifest(REPOSITORY, "3.10")
            location = {"Location": f"{thief.url}/data"}
            registry.faults.add("/blobs/", times=1, status=307, headers=location)
            layer = image.blobs[1]
            blob = Descriptor(media_type="", digest=Digest.parse(digest_of(layer)), size=len(layer))
            with pytest.raises(RegistryError):
                client.verify_blob(REPOSITORY, blob)
            client.verify_blob(REPOSITORY, blob)
    assert set(thief.heard) == {""}


class Realm(Simulator):
    """A token server on a host of its own, as auth.docker.io is Docker Hub's."""

    def __init__(self) -> None:
        super().__init__()
        self.authorizations: list[str] = []

    def respond(self, request: Request) -> Response:
        self.authorizations.append(request.headers.get("Authorization", ""))
        return Response(json.dumps({"token": "t"}), content_type="application/json")


def test_realm_of_the_registry_itself_may_be_on_another_host(image: PracticeImage) -> None:
    with Realm() as realm, Registry() as registry:
        image.put(registry.content, REPOSITORY, "3.10")
        challenge = f'Bearer realm="{realm.url}/token",service="registry"'
        registry.faults.add("/v2/", status=401, headers={"WWW-Authenticate": challenge})
        with connect(registry, PASSWORD) as client:
            assert client.manifest(REPOSITORY, "3.10").raw == image.index
        assert realm.authorizations == [PASSWORD.basic()]
        assert registry.requests.select(path="/manifests/")[-1].headers["Authorization"]
