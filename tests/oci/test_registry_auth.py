"""Basic and bearer authentication, and where credentials come from.

Token flow: the distribution project's token specification. Helper protocol:
docker-credential-helpers (server on stdin, {"Username", "Secret"} on stdout).
"""

from __future__ import annotations

import base64
import json
import logging
import stat
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from werkzeug.wrappers import Request, Response

from airgap.digest import Digest
from airgap.errors import RegistryError
from airgap.net import RetryPolicy
from airgap.oci.auth import Authorizer, parse_challenge
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.oci.credentials import Credential, MachineCredentials
from airgap.oci.manifest import Descriptor
from airgap.oci.sources import FileSource
from lab.auth import BasicAuth, BearerAuth
from lab.registry import Registry
from lab.server import Simulator
from tests.practice_images import PracticeImage, digest_of

REPOSITORY = "siderolabs/pause"
MARKED = "s3cret-MARKED"
IMPATIENT = RetryPolicy(sleep=lambda _: None)


def machine(tmp_path: Path, document: Mapping[str, object]) -> MachineCredentials:
    path = tmp_path / "auth.json"
    path.write_text(json.dumps(document))
    return MachineCredentials(environ={"AIRGAP_AUTH_FILE": str(path), "HOME": str(tmp_path)})


def auth_of(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def test_basic_credentials_open_a_registry(tmp_path: Path, image: PracticeImage) -> None:
    with Registry(auth=BasicAuth({"site": MARKED})) as registry:
        image.put(registry.content, REPOSITORY, "3.10")
        found = machine(tmp_path, {"auths": {registry.host: auth_of("site", MARKED)}})
        with RegistryClient(RegistryAddress(url=registry.url), credentials=found) as client:
            assert client.manifest(REPOSITORY, "3.10").raw == image.index
            layer = image.blobs[1]
            client.verify_blob(
                REPOSITORY,
                Descriptor(media_type="", digest=Digest.parse(digest_of(layer)), size=len(layer)),
            )


def test_wrong_password_is_refused_once_and_never_shown(
    tmp_path: Path, image: PracticeImage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Registry(auth=BasicAuth({"site": "another"})) as registry:
        found = machine(tmp_path, {"auths": {registry.host: auth_of("site", MARKED)}})
        with (
            RegistryClient(RegistryAddress(url=registry.url), credentials=found) as client,
            pytest.raises(RegistryError) as caught,
        ):
            client.manifest(REPOSITORY, "3.10")
        assert len(registry.requests) == 2  # one to learn the scheme, one with the password
    assert caught.value.status == 401
    encoded = auth_of("site", MARKED)["auth"]
    told = caught.value.diagnostics() + caplog.text + repr(found.find(registry.host))
    assert MARKED not in told
    assert encoded not in told


def test_missing_credentials_name_the_remedy(tmp_path: Path) -> None:
    with (
        Registry(auth=BasicAuth({"site": MARKED})) as registry,
        RegistryClient(
            RegistryAddress(url=registry.url), credentials=machine(tmp_path, {})
        ) as client,
        pytest.raises(RegistryError) as caught,
    ):
        client.manifest(REPOSITORY, "3.10")
    assert "docker login" in caught.value.diagnostics()


def test_bearer_token_is_asked_once_for_many_requests(tmp_path: Path, image: PracticeImage) -> None:
    with Registry(auth=BearerAuth({})) as registry:
        image.put(registry.content, REPOSITORY, "3.10")
        with RegistryClient(
            RegistryAddress(url=registry.url), credentials=machine(tmp_path, {})
        ) as client:
            for _ in range(3):
                client.manifest(REPOSITORY, "3.10")
        assert len(registry.requests.select(path="/token")) == 1


def test_push_asks_for_a_token_of_its_own_and_mount_for_both_repositories(
    tmp_path: Path, image: PracticeImage
) -> None:
    with Registry(auth=BearerAuth({"site": MARKED}, anonymous_pull=False)) as registry:
        image.put(registry.content, REPOSITORY, "3.10")
        layer = image.blobs[1]
        path = tmp_path / "layer"
        path.write_bytes(layer)
        blob = Descriptor(media_type="", digest=Digest.parse(digest_of(layer)), size=len(layer))
        found = machine(tmp_path, {"auths": {registry.host: auth_of("site", MARKED)}})
        with RegistryClient(RegistryAddress(url=registry.url), credentials=found) as client:
            assert client.upload_blob("site/a", blob, FileSource(path)) == "uploaded"
            assert (
                client.upload_blob("site/b", blob, FileSource(path), mount_from="site/a")
                == "mounted"
            )
        queries = [exchange.query for exchange in registry.requests.select(path="/token")]
    assert "scope=repository%3Asite%2Fa%3Apull%2Cpush" in queries[0]
    assert "scope=repository%3Asite%2Fa%3Apull" in queries[1].split("&")


def test_expired_token_is_replaced_before_it_is_refused(
    tmp_path: Path, image: PracticeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    assert Authorizer.__init__.__kwdefaults__ is not None
    monkeypatch.setitem(Authorizer.__init__.__kwdefaults__, "clock", lambda: now[0])
    monkeypatch.setattr("lab.auth.time", SimpleNamespace(monotonic=lambda: now[0]))
    with Registry(auth=BearerAuth({}, lifetime_s=60.0)) as registry:
        image.put(registry.content, REPOSITORY, "3.10")
        with RegistryClient(
            RegistryAddress(url=registry.url), credentials=machine(tmp_path, {})
        ) as client:
            client.manifest(REPOSITORY, "3.10")
            now[0] += 60.0
            client.manifest(REPOSITORY, "3.10")
        statuses = [e.status for e in registry.requests.select(path="/manifests/")]
    assert statuses == [401, 200, 200]


def test_revoked_token_is_replaced_after_a_401(tmp_path: Path, image: PracticeImage) -> None:
    auth = BearerAuth({})
    with Registry(auth=auth) as registry:
        image.put(registry.content, REPOSITORY, "3.10")
        with RegistryClient(
            RegistryAddress(url=registry.url), credentials=machine(tmp_path, {})
        ) as client:
            client.manifest(REPOSITORY, "3.10")
            auth.revoke_all()
            client.manifest(REPOSITORY, "3.10")
        statuses = [e.status for e in registry.requests.select(path="/manifests/")]
    assert statuses == [401, 200, 401, 200]


class Listener(Simulator):
    """Answers everything with bytes, and remembers whether a credential came."""

    saw_credential = False

    def respond(self, request: Request) -> Response:
        self.saw_credential = self.saw_credential or "Authorization" in request.headers
        return Response(b"12345")


def test_credentials_do_not_follow_a_redirect_to_another_host(tmp_path: Path) -> None:
    with Registry(auth=BasicAuth({"site": MARKED})) as registry, Listener() as elsewhere:
        blob = Descriptor(media_type="", digest=Digest.parse(digest_of(b"12345")), size=5)
        location = f"{elsewhere.url}/{blob.digest}"
        # The first request learns the scheme; the one with the credential is redirected.
        registry.faults.add(
            "/blobs/", times=1, status=401, headers={"WWW-Authenticate": 'Basic realm="r"'}
        )
        registry.faults.add("/blobs/", status=307, headers={"Location": location})
        found = machine(tmp_path, {"auths": {registry.host: auth_of("site", MARKED)}})
        with RegistryClient(RegistryAddress(url=registry.url), credentials=found) as client:
            client.verify_blob(REPOSITORY, blob)
        assert len(elsewhere.requests) == 1
        assert not elsewhere.saw_credential
        sent = registry.requests.select(path="/blobs/")[1]
        assert sent.headers["Authorization"] == "<redacted>"


def test_endless_redirects_end(tmp_path: Path) -> None:
    with Registry() as registry:
        registry.faults.add("/v2/", times=None, status=302, headers={"Location": "/v2/again"})
        with (
            RegistryClient(RegistryAddress(url=registry.url), retry=IMPATIENT) as client,
            pytest.raises(RegistryError, match="redirects"),
        ):
            client.manifest(REPOSITORY, "3.10")
        assert len(registry.requests) == 6


def test_token_realm_without_tls_gets_no_credentials(tmp_path: Path) -> None:
    from lab.tls import Authority

    authority = Authority(tmp_path / "ca")
    with Registry(certificate=authority.issue()) as registry:
        challenge = 'Bearer realm="http://127.0.0.1:1/token",service="x"'
        registry.faults.add("/v2/", status=401, headers={"WWW-Authenticate": challenge})
        address = RegistryAddress(url=registry.url, ca=authority.ca_file.read_text())
        with (
            RegistryClient(address, retry=IMPATIENT) as client,
            pytest.raises(RegistryError, match="refused to send credentials"),
        ):
            client.manifest(REPOSITORY, "3.10")


def test_challenge_with_quoted_commas_is_read() -> None:
    """RFC 9110, 11.2: a quoted string may hold commas and escapes."""
    challenge = parse_challenge(
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
        'scope="repository:library/nginx:pull,push",error="insufficient \\"scope\\""'
    )
    assert challenge.scheme == "bearer"
    assert challenge.parameters == {
        "realm": "https://auth.docker.io/token",
        "service": "registry.docker.io",
        "scope": "repository:library/nginx:pull,push",
        "error": 'insufficient "scope"',
    }


# Where credentials come from


def test_auth_file_goes_before_docker_before_the_fallback(tmp_path: Path) -> None:
    docker = tmp_path / ".docker"
    docker.mkdir()
    auths = {host: auth_of("docker", "d") for host in ("one.example", "two.example")}
    (docker / "config.json").write_text(json.dumps({"auths": auths}))
    named = tmp_path / "auth.json"
    named.write_text(json.dumps({"auths": {"one.example": auth_of("named", "n")}}))
    fallback = {
        host: Credential(username="fallback", password="f")
        for host in ("one.example", "two.example", "three.example")
    }
    environ = {"AIRGAP_AUTH_FILE": str(named), "HOME": str(tmp_path)}
    found = MachineCredentials(fallback, environ=environ)
    users = [
        credential.username if (credential := found.find(f"{name}.example")) else None
        for name in ("one", "two", "three", "four")
    ]
    assert users == ["named", "docker", "fallback", None]


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io"])
def test_docker_hub_is_found_under_each_of_its_names(tmp_path: Path, key: str) -> None:
    found = machine(tmp_path, {"auths": {key: auth_of("hub", "h")}}).find("docker.io")
    assert found is not None
    assert found.username == "hub"


def test_password_may_hold_colons(tmp_path: Path) -> None:
    found = machine(tmp_path, {"auths": {"r.example": auth_of("u", "a:b:c")}}).find("r.example")
    assert found == Credential(username="u", password="a:b:c")


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "docker-credential-practice"
    program.write_text(
        "#!/bin/sh\n"
        'read -r host; test "$1" = get || exit 9\n'
        'case "$host" in\n'
        f'  r.example) echo \'{{"Username": "u", "Secret": "{MARKED}"}}\';;\n'
        '  t.example) echo \'{"Username": "<token>", "Secret": "identity"}\';;\n'
        "  *) echo credentials not found in native keychain; exit 1;;\n"
        "esac\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return program


def test_credential_helpers_are_asked(tmp_path: Path, helper: Path) -> None:
    document = {"credHelpers": {"r.example": "practice"}, "credsStore": "practice"}
    found = machine(tmp_path, document)
    assert found.find("r.example") == Credential(username="u", password=MARKED)
    assert found.find("t.example") == Credential(identity_token="identity")
    assert found.find("unknown.example") is None


def test_missing_helper_is_an_error_with_its_name(tmp_path: Path) -> None:
    found = machine(tmp_path, {"credHelpers": {"r.example": "absent"}})
    with pytest.raises(RegistryError, match="docker-credential-absent"):
        found.find("r.example")


@pytest.mark.parametrize("text", ["", "[]", "{nonsense"])
def test_malformed_configuration_is_an_error_without_its_content(tmp_path: Path, text: str) -> None:
    path = tmp_path / "auth.json"
    path.write_text(text)
    found = MachineCredentials(environ={"AIRGAP_AUTH_FILE": str(path)})
    with pytest.raises(RegistryError, match=r"auth\.json"):
        found.find("r.example")
