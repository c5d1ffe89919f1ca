"""Tokens over time, in many threads and from realms that are not kind; quotas; a lost connection.

Token flow: the distribution project's token specification and its OAuth2 form (identity tokens).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from werkzeug.wrappers import Request, Response

from airgap.digest import Digest
from airgap.errors import RegistryError
from airgap.net import RetryPolicy, Session, StoppedError, Traffic, client_context
from airgap.oci.auth import Authorizer, Scope, parse_challenge
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.credentials import Credential
from airgap.oci.manifest import Descriptor
from lab.auth import BearerAuth
from lab.registry import Registry
from lab.server import Simulator
from lab.tls import Authority
from tests.net.clock import Clock
from tests.practice_images import PracticeImage, digest_of

REPOSITORY = "siderolabs/pause"
SCOPE = Scope(repository=REPOSITORY)
MARKED = "s3cret-MARKED"
IMPATIENT = RetryPolicy(sleep=lambda _: None)


class Known:
    """The same credential for every host."""

    def __init__(self, credential: Credential | None = None) -> None:
        self._credential = credential

    def find(self, _host: str, /) -> Credential | None:
        return self._credential


class Realm(Simulator):
    """A token realm that answers as a test wants, and keeps what it was sent."""

    def __init__(self, answer: Callable[[Request], object]) -> None:
        super().__init__()
        self.answer = answer
        self.forms: list[dict[str, list[str]]] = []
        self.authorizations: list[str] = []
        self.scopes: list[str] = []

    def respond(self, request: Request) -> Response:
        self.forms.append(parse_qs(request.get_data(as_text=True)))
        self.authorizations.append(request.headers.get("Authorization", ""))
        self.scopes += request.args.getlist("scope")
        return Response(json.dumps(self.answer(request)), content_type="application/json")


def challenge_of(realm: Realm) -> str:
    return f'Bearer realm="{realm.url}/token",service="lab"'


def authorizer(session: Session, clock: Clock, credential: Credential | None = None) -> Authorizer:
    return Authorizer(
        "http://r.example", "r.example", session, Known(credential), clock=clock.monotonic
    )


def token_of(headers: Mapping[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


# In mid-transfer


def test_token_that_ends_in_mid_download_is_replaced_and_the_rest_goes_on() -> None:
    layer = bytes(range(256)) * 4096 * 3
    cut = 1024 * 1024
    blob = Descriptor(media_type="", digest=Digest.parse(digest_of(layer)), size=len(layer))
    auth, traffic = BearerAuth({}), Traffic()
    with (
        Registry(auth=auth) as registry,
        RegistryClient(
            RegistryAddress(url=registry.url), retry=IMPATIENT, traffic=traffic
        ) as client,
    ):
        registry.content.add_blob(REPOSITORY, layer)
        assert client.has_blob(REPOSITORY, blob.digest)
        registry.faults.add("/blobs/", truncate_to=cut, then=auth.revoke_all)
        client.verify_blob(REPOSITORY, blob)
        gets = registry.requests.select(method="GET", path="/blobs/")
        assert [exchange.status for exchange in gets] == [200, 401, 206]
        assert gets[0].sent_bytes == cut
        assert gets[2].sent_bytes - (len(layer) - cut) <= len(layer) // 50
        assert len(registry.requests.select(path="/token")) == 2
    assert traffic.counts.retries == 1


def test_expiry_is_foreseen_by_a_tenth_or_ten_seconds() -> None:
    clock = Clock()
    numbers = iter(range(10))
    with (
        Realm(lambda _: {"token": f"t{next(numbers)}", "expires_in": 300}) as realm,
        Session(client_context()) as session,
    ):
        found = authorizer(session, clock)
        found.answer(challenge_of(realm), SCOPE, {})
        tokens = []
        for clock.now in (0.0, 289.0, 290.5, 580.0, 581.0):
            tokens.append(token_of(found.headers(SCOPE)))
    assert tokens == ["t0", "t0", "t1", "t1", "t2"]


def test_token_without_a_lifetime_is_good_for_a_minute() -> None:
    """The token specification: 60 seconds where `expires_in` is absent."""
    clock = Clock()
    numbers = iter(range(10))
    with (
        Realm(lambda _: {"access_token": f"t{next(numbers)}"}) as realm,
        Session(client_context()) as session,
    ):
        found = authorizer(session, clock)
        found.answer(challenge_of(realm), SCOPE, {})
        tokens = []
        for clock.now in (0.0, 53.0, 61.0):
            tokens.append(token_of(found.headers(SCOPE)))
    assert tokens == ["t0", "t0", "t1"]


# Many threads


def test_tokens_of_two_scopes_are_asked_for_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=60)
    scopes = [Scope(repository="a"), Scope(repository="b")]

    def answer(_: Request) -> object:
        both.wait()
        return {"token": "t"}

    with Realm(answer) as realm, Session(client_context()) as session:
        found = authorizer(session, Clock())
        found.answer(challenge_of(realm), SCOPE, {})
        threads = [threading.Thread(target=found.headers, args=(scope,)) for scope in scopes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(realm.scopes) == ["repository:a:pull", "repository:b:pull"]
        assert realm.crashes == []


def test_many_threads_ask_once_for_one_scope() -> None:
    with Realm(lambda _: {"token": "t"}) as realm, Session(client_context()) as session:
        found = authorizer(session, Clock())
        found.answer(challenge_of(realm), SCOPE, {})
        threads = [threading.Thread(target=found.headers, args=(SCOPE,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(realm.requests) == 1


# Realms


def test_identity_token_is_exchanged_in_a_form_and_nowhere_else() -> None:
    """The OAuth2 form: POST with grant_type=refresh_token, never a query or a header."""
    credential = Credential(identity_token=MARKED)
    with Realm(lambda _: {"access_token": "t"}) as realm, Session(client_context()) as session:
        found = authorizer(session, Clock(), credential)
        found.answer(challenge_of(realm), SCOPE, {})
        assert token_of(found.headers(SCOPE)) == "t"
        (exchange,) = realm.requests
        assert (exchange.method, exchange.query) == ("POST", "")
        assert realm.authorizations == [""]
        assert realm.forms == [
            {
                "grant_type": ["refresh_token"],
                "refresh_token": [MARKED],
                "service": ["lab"],
                "client_id": ["sidero-airgap"],
                "scope": [f"repository:{REPOSITORY}:pull"],
            }
        ]


def test_identity_token_does_not_follow_a_redirect() -> None:
    credential = Credential(identity_token=MARKED)
    with (
        Realm(lambda _: {"token": "t"}) as realm,
        Realm(lambda _: {"token": "stolen"}) as elsewhere,
        Session(client_context()) as session,
    ):
        realm.faults.add("/token", status=307, headers={"Location": f"{elsewhere.url}/token"})
        found = authorizer(session, Clock(), credential)
        found.answer(challenge_of(realm), SCOPE, {})
        with pytest.raises(RegistryError, match="status 307") as caught:
            found.headers(SCOPE)
        assert len(elsewhere.requests) == 0
    assert MARKED not in caught.value.diagnostics()


def test_password_does_not_follow_a_realms_redirect() -> None:
    credential = Credential(username="site", password=MARKED)
    with (
        Realm(lambda _: {"token": "t"}) as realm,
        Realm(lambda _: {"token": "anonymous"}) as elsewhere,
        Session(client_context()) as session,
    ):
        realm.faults.add("/token", status=307, headers={"Location": f"{elsewhere.url}/token"})
        found = authorizer(session, Clock(), credential)
        found.answer(challenge_of(realm), SCOPE, {})
        found.headers(SCOPE)
        assert elsewhere.authorizations == [""]


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"token": ""},
        {"token": 7},
        {"token": "MARKED\r\nX-Injected: 1"},
        {"token": "MARKED token"},
        {"token": "MARKED\u2026"},
    ],
)
def test_what_is_no_token_is_refused_and_not_shown(document: object) -> None:
    with Realm(lambda _: document) as realm, Session(client_context()) as session:
        found = authorizer(session, Clock())
        found.answer(challenge_of(realm), SCOPE, {})
        with pytest.raises(RegistryError, match="no token in its answer") as caught:
            found.headers(SCOPE)
    assert "MARKED" not in caught.value.diagnostics()


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        ('Negotiate, Basic realm="r"', "basic", {"realm": "r"}),
        ('Negotiate dG9rZW4=, Bearer realm="https://t/"', "bearer", {"realm": "https://t/"}),
        (
            'Bearer realm="https://t/",service="s", Basic realm="r"',
            "bearer",
            {"realm": "https://t/", "service": "s"},
        ),
        ('BASIC realm="Sonatype Nexus"', "basic", {"realm": "Sonatype Nexus"}),
        (
            "Bearer realm=https://t/ , service = s",
            "bearer",
            {"realm": "https://t/", "service": "s"},
        ),
        ('Digest realm="r", nonce="n"', "digest", {"realm": "r", "nonce": "n"}),
        ("", "", {}),
        ("=,,=", "", {}),
    ],
)
def test_first_challenge_that_is_known_counts(
    header: str, scheme: str, parameters: dict[str, str]
) -> None:
    """RFC 9110, 11.6.1: a header may hold several challenges."""
    challenge = parse_challenge(header)
    assert (challenge.scheme, challenge.parameters) == (scheme, parameters)


def test_blob_is_not_read_without_tls_when_the_registry_has_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    blob = Descriptor(media_type="", digest=Digest.parse(digest_of(b"12345")), size=5)
    with (
        Registry(certificate=authority.issue()) as registry,
        Realm(lambda _: None) as elsewhere,
        RegistryClient(
            RegistryAddress(url=registry.url, ca=authority.ca_file.read_text()), retry=IMPATIENT
        ) as client,
    ):
        registry.faults.add("/blobs/", status=307, headers={"Location": f"{elsewhere.url}/x"})
        with pytest.raises(RegistryError, match="without TLS"):
            client.verify_blob(REPOSITORY, blob)
        assert len(elsewhere.requests) == 0


# Quotas


def test_registry_that_asks_for_hours_is_asked_once(image: PracticeImage) -> None:
    clock = Clock()
    traffic = Traffic(clock=clock.monotonic, sleep=clock.sleep)
    with (
        Registry() as registry,
        RegistryClient(RegistryAddress(url=registry.url), traffic=traffic) as client,
    ):
        image.put(registry.content, REPOSITORY, "3.10")
        registry.faults.add("/manifests/", status=429, times=None, headers={"Retry-After": "21600"})
        for _ in range(5):
            with pytest.raises(RegistryError, match="no more before") as caught:
                client.manifest(REPOSITORY, "3.10")
            assert caught.value.status == 429
        assert len(registry.requests) == 1
    assert traffic.counts.retries == 0


def test_registry_that_asks_for_seconds_is_waited_for_by_all(image: PracticeImage) -> None:
    clock = Clock()
    traffic = Traffic(clock=clock.monotonic, sleep=clock.sleep)
    policy = RetryPolicy(sleep=clock.sleep)
    with (
        Registry() as registry,
        RegistryClient(RegistryAddress(url=registry.url), retry=policy, traffic=traffic) as client,
    ):
        image.put(registry.content, REPOSITORY, "3.10")
        registry.faults.add("/manifests/", status=503, headers={"Retry-After": "20"})
        assert client.manifest(REPOSITORY, "3.10").raw == image.index
        assert len(registry.requests) == 2
    assert clock.now == pytest.approx(20.0)
    assert (traffic.counts.retries, traffic.counts.requests) == (1, 2)


def test_stopped_run_ends_without_another_request(image: PracticeImage) -> None:
    traffic = Traffic()
    with (
        Registry() as registry,
        RegistryClient(RegistryAddress(url=registry.url), traffic=traffic) as client,
    ):
        image.put(registry.content, REPOSITORY, "3.10")
        traffic.stop()
        with pytest.raises(StoppedError):
            client.manifest(REPOSITORY, "3.10")
        assert len(registry.requests) == 0
