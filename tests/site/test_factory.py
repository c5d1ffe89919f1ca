"""A factory that is delivered with the site: what its releases can do offline, and what is refused.

What a release does follows siderolabs/image-factory's own history (v0.8.4, v0.9.0, v1.0.2, v1.0.3,
v1.4.0, `cmd/image-factory/cmd/service.go` and `options.go`); which registry is plain http by its
address, go-containerregistry v0.21.9 `pkg/name/registry.go`.
"""

from __future__ import annotations

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.site.documents import Raw, changed, faults_of, parsed, paths_of

__all__: list[str] = []

_DEPLOYED: Raw = {
    "kind": "deployed",
    "version": "v1.5.0",
    "endpoint": "https://factory.example",
}
_EXISTING: Raw = {**_DEPLOYED, "kind": "existing", "registry": "registry.example:5000"}
_AT = "site.imageFactory"


def site(**factory: object) -> Raw:
    """Return a site that deploys a factory like this; `registry_` is the site's registry."""
    edits = [(("imageFactory",), {**_DEPLOYED, **factory})]
    return changed(*edits)


def public_pem(key: PrivateKeyTypes) -> str:
    """Return the public half of a key."""
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


EC_KEY = ec.generate_private_key(ec.SECP256R1())
SIGNER = public_pem(EC_KEY)


def test_a_deployed_factory_needs_its_release_and_its_url_and_no_registry_of_its_own() -> None:
    assert not faults_of(site())
    found = paths_of(changed((("imageFactory",), {"kind": "deployed"})))
    assert found == [f"{_AT}.version", f"{_AT}.endpoint"]


@pytest.mark.parametrize(
    ("factory", "path", "words"),
    [
        ({"version": "v0.8.4"}, "version", "at every start: offline it ends"),
        (
            {"version": "v1.0.2", "verification": {"publicKey": SIGNER}},
            "verification",
            "beside the key: offline it ends",
        ),
        (
            {"endpoint": "http://factory.example", "deployment": {"tlsSecretRef": "factory-tls"}},
            "deployment.tlsSecretRef",
            "a certificate for a plain http URL",
        ),
        ({"deployment": {"scratchSize": "40GB"}}, "deployment.scratchSize", "such as 40Gi"),
        ({"endpoint": "https://factory.talos.dev"}, "endpoint", "outside of any site"),
        ({"registry": "ghcr.io"}, "registry", "outside of any site"),
        ({"deployment": {"maxConcurrency": 0}}, "deployment.maxConcurrency", "1 or more"),
        ({"deployment": {"service": "NodePort"}}, "deployment.service", "LoadBalancer"),
    ],
)
def test_what_a_deployed_factory_cannot_be_is_refused(factory: Raw, path: str, words: str) -> None:
    [fault] = faults_of(site(**factory))
    assert fault.path == f"{_AT}.{path}"
    assert words in str(fault)
    assert fault.hint or "expected" in fault.message


@pytest.mark.parametrize("version", ["v0.9.0", "v1.0.0", "v1.0.2", "v1.0.3", "v1.5.0", "v1.9.0"])
def test_releases_that_can_start_offline_are_taken_without_verification(version: str) -> None:
    assert not faults_of(site(version=version))


@pytest.mark.parametrize("version", ["v1.0.3", "v1.1.0", "v1.5.0"])
def test_verification_by_key_is_taken_from_the_release_that_has_it(version: str) -> None:
    assert not faults_of(site(version=version, verification={"publicKey": SIGNER}))


@pytest.mark.parametrize("kind", [_DEPLOYED, _EXISTING])
@pytest.mark.parametrize(("version", "right"), [("v1.3.3", False), ("v1.4.0", True)])
def test_a_prefix_needs_a_factory_that_reads_below_it(kind: Raw, version: str, right: bool) -> None:
    value = changed(
        (("imageFactory",), {**kind, "version": version}), (("registry", "pathPrefix"), "talos")
    )
    assert paths_of(value) == ([] if right else ["site.registry.pathPrefix"])


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("https://10.0.0.5:5000", False),
        ("https://172.31.0.5:5000", False),
        ("https://192.168.1.5", False),
        ("https://127.0.0.1:5000", False),
        ("http://10.0.0.5:5000", True),
        ("https://172.32.0.5:5000", True),
        ("https://registry.local:5000", True),
    ],
)
def test_a_private_address_with_tls_would_break_pulls_of_installers(url: str, right: bool) -> None:
    value = changed((("imageFactory",), _DEPLOYED), (("registry", "endpoints"), [{"url": url}]))
    assert paths_of(value) == ([] if right else ["site.registry.endpoints[0].url"])


def test_an_embedded_registry_is_read_from_and_another_is_written_to() -> None:
    embedded = {"kind": "embedded", "endpoints": [{"url": "https://boot.example:8443"}]}
    value = changed((("imageFactory",), _DEPLOYED), (("registry",), embedded))
    assert paths_of(value) == [f"{_AT}.registry"]
    own = {**_DEPLOYED, "registry": "registry.example:5000"}
    assert not faults_of(changed((("imageFactory",), own), (("registry",), embedded)))


CA = trustme.CA().cert_pem.bytes()
PLAIN: Raw = {"endpoint": "http://factory.example"}


@pytest.mark.parametrize(
    ("registry", "url", "host"),
    [
        ("s.example:5000", "s.example:5000", "s.example:5000"),
        ("http://s.example", "http://s.example", "s.example"),
        ({"url": "https://s.example:5000"}, "https://s.example:5000", "s.example:5000"),
    ],
)
def test_the_registry_it_writes_to_is_a_name_or_a_url(
    registry: object, url: str, host: str
) -> None:
    found = parsed(site(registry=registry)).image_factory.registry
    assert found is not None
    assert (found.url, found.host) == (url, host)


@pytest.mark.parametrize("endpoint", [PLAIN, {}])
def test_its_registry_has_a_ca_of_its_own_however_machines_reach_the_factory(endpoint: Raw) -> None:
    registry = {"url": "https://s.example:5000", "caFile": "s.pem"}
    found = parsed(site(**endpoint, registry=registry), {"s.pem": CA}).image_factory.registry
    assert found is not None
    assert found.ca == CA.decode()


@pytest.mark.parametrize(
    ("registry", "path", "words"),
    [
        ({"url": "http://s.example", "ca": CA.decode()}, "registry.ca", "plain http"),
        ({"url": "https://s.example/a"}, "registry", "expected none"),
        ({"url": "ftp://s.example"}, "registry", "no http URL"),
        ({"url": "http://registry.example:5000"}, "registry", "with another scheme"),
        ("10.0.0.5:5000", "registry", "private address"),
        ({"caFile": "s.pem"}, "registry.url", "missing"),
    ],
)
def test_a_registry_that_it_could_not_write_to_is_refused(
    registry: object, path: str, words: str
) -> None:
    [fault] = faults_of(site(registry=registry), {"s.pem": CA})
    assert (fault.path, words in str(fault)) == (f"{_AT}.{path}", True)


def test_a_private_address_without_tls_is_what_it_takes_it_for() -> None:
    assert not faults_of(site(registry="http://10.0.0.5:5000"))


@pytest.mark.parametrize(
    "host",
    [
        *("public.ecr.aws", "mcr.microsoft.com", "registry.k8s.io", "gcr.io", "eu.gcr.io"),
        *("europe-docker.pkg.dev", "registry.gitlab.com", "quay.io", "cdn.quay.io", "ghcr.io"),
        *("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"),
        *("factory.talos.dev", "FACTORY.talos.dev", "k8s.gcr.io:443"),
    ],
)
def test_well_known_places_outside_are_no_places_of_a_site(host: str) -> None:
    [fault] = faults_of(site(registry=host))
    assert (fault.path, "outside of any site" in fault.message) == (f"{_AT}.registry", True)


@pytest.mark.parametrize("host", ["ghcr.io.example", "myquay.io", "docker.io-mirror.example"])
def test_a_host_that_only_looks_like_one_is_a_sites_own(host: str) -> None:
    assert not faults_of(site(registry=host))


def test_without_any_registry_there_is_nothing_to_build_from() -> None:
    value = changed(
        (("imageFactory",), _DEPLOYED),
        (("registry",), {"kind": "none"}),
        (("imageCache",), {"enabled": True, "medium": "cd"}),
    )
    assert f"{_AT}.kind" in paths_of(value)


@pytest.mark.parametrize(
    ("factory", "paths"),
    [
        ({"deployment": {"namespace": "elsewhere"}}, ["deployment"]),
        ({"verification": {"publicKey": SIGNER}}, []),  # `sign` serves any factory
        ({"catalogue": "all", "talosctl": True, "secureBoot": True}, []),
        ({"installer": "mirrored"}, []),
    ],
)
def test_how_it_runs_is_said_of_a_deployed_factory_alone(factory: Raw, paths: list[str]) -> None:
    found = paths_of(changed((("imageFactory",), {**_EXISTING, **factory})))
    assert found == [f"{_AT}.{path}" for path in paths]


def test_without_a_factory_nothing_is_said_of_one() -> None:
    given: Raw = {
        "version": "v1.5.0",
        "endpoint": "https://factory.example",
        "registry": "registry.example:5000",
        "catalogue": "all",
        "talosctl": True,
        "secureBoot": True,
        "installer": "builtOnSite",
        "verification": {"publicKey": SIGNER},
        "deployment": {"namespace": "elsewhere"},
    }
    faults = faults_of(changed((("imageFactory",), given)))
    assert {fault.path for fault in faults} == {f"{_AT}.{key}" for key in given}
    assert all(fault.hint for fault in faults)


@pytest.mark.parametrize(
    "made",
    [
        {"extensions": ["siderolabs/iscsi-tools"]},
        {"extraKernelArgs": ["quiet"]},
        {"secureBoot": {}},
    ],
)
def test_upstreams_installers_are_carried_where_there_is_no_factory(made: Raw) -> None:
    workers = {"name": "workers", "environment": "talos-1-11-5-amd64", **made}
    [key] = made
    refused = changed((("serverClasses",), [workers]))
    assert f"site.serverClasses[0].{key}" in paths_of(refused)
    carried = changed(
        (("serverClasses",), [workers]), (("imageFactory",), {"installer": "mirrored"})
    )
    messages = [str(fault) for fault in faults_of(carried)]
    assert not [text for text in messages if "needs an installer" in text]


def test_the_key_is_read_from_its_file() -> None:
    value = site(verification={"publicKeyFile": "certs/signer.pub"})
    found = parsed(value, {"certs/signer.pub": SIGNER.encode()})
    assert found.image_factory.verification is not None
    assert found.image_factory.verification.public_key == SIGNER


PRIVATE = EC_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (PRIVATE, "holds a private key"),
        (trustme.CA().cert_pem.bytes().decode(), "no public key in PEM"),
        ("-----BEGIN PUBLIC KEY-----\nnot base64\n-----END PUBLIC KEY-----\n", "no public key"),
        ("", "no public key in PEM"),
        (public_pem(ed25519.Ed25519PrivateKey.generate()), "no ECDSA key"),
        (public_pem(rsa.generate_private_key(65537, 2048)), "no ECDSA key"),
        ("x" * 70_000, "is over 65536 bytes"),
    ],
)
def test_a_file_that_holds_no_such_key_is_refused(content: str | None, words: str) -> None:
    files = {} if content is None else {"signer.pub": content.encode()}
    [fault] = faults_of(site(verification={"publicKeyFile": "signer.pub"}), files)
    assert fault.path == f"{_AT}.verification.publicKeyFile"
    assert words in fault.message
    assert "PRIVATE KEY-----" not in str(fault)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_every_ecdsa_key_of_cosign_is_taken(curve: ec.EllipticCurve) -> None:
    pem = public_pem(ec.generate_private_key(curve))
    assert not faults_of(site(verification={"publicKey": pem}))


def test_a_verification_names_one_key() -> None:
    assert paths_of(site(verification={})) == [f"{_AT}.verification"]
    both = {"publicKey": SIGNER, "publicKeyFile": "signer.pub"}
    [fault] = faults_of(site(verification=both), {"signer.pub": SIGNER.encode()})
    assert fault.path == f"{_AT}.verification.publicKeyFile"


def test_secrets_are_named_and_no_secret_is_taken_for_one() -> None:
    named: Raw = {
        "signingKeySecretRef": "a",
        "tlsSecretRef": {"name": "b"},
        "registrySecretRef": "c",
        "secureBootSecretRef": "d",
    }
    found = parsed(site(secureBoot=True, deployment=named)).image_factory.deployment
    assert found.tls_secret_ref == "b"
