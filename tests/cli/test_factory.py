"""`factory` and `secret --factory`: the key, the configuration, how the site's factory is."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lab.factory import Factory, FactoryRegistries
from lab.images import ImageForge, ImageSpec
from lab.registry import Registry
from lab.registryclient import RegistryClient
from tests.cli.conftest import SITE, Command, write_site

__all__: list[str] = []

_FACTORY = {"kind": "deployed", "version": "v1.5.0", "endpoint": "https://factory.berlin.example"}


def deploy(project: Path, site_value: dict[str, object], **factory: object) -> None:
    """Write the site with a factory."""
    write_site(project, {**site_value, "imageFactory": {**_FACTORY, **factory}})


def test_a_key_goes_to_stdout_alone_so_that_it_can_be_piped(airgap: Command) -> None:
    done = airgap("factory", "key")
    key = load_pem_private_key(done.stdout.encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert done.stderr.startswith("key sha256:")
    assert airgap("factory", "key").stdout != done.stdout


def test_a_key_in_a_file_is_its_owners_and_is_never_overwritten(
    airgap: Command, project: Path
) -> None:
    done = airgap("factory", "key", "--out", "signing.key")
    file = project / "signing.key"
    before = file.read_bytes()
    assert (done.exit_code, done.stdout) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = airgap("factory", "key", "--out", "signing.key")
    assert again.exit_code == 1
    assert "is there already" in again.stderr
    assert file.read_bytes() == before


def test_the_configuration_is_printed_as_its_generation_reads_it(
    airgap: Command, project: Path, site_value: dict[str, object]
) -> None:
    deploy(project, site_value)
    found = yaml.safe_load(airgap("factory", "config", SITE).stdout)
    assert found["artifacts"]["core"]["registry"] == "registry.berlin.example:5000"
    deploy(project, site_value, version="v0.9.0")
    flags = airgap("factory", "config", SITE).stdout.splitlines()
    assert "-image-registry=registry.berlin.example:5000" in flags
    assert all(word.startswith("-") for word in flags)


def test_a_release_that_nobody_here_knows_is_said(
    airgap: Command, project: Path, site_value: dict[str, object]
) -> None:
    deploy(project, site_value, version="v1.17.0")
    done = airgap("factory", "config", SITE)
    assert done.exit_code == 0
    assert "note: v1.17.0 is newer than this program knows" in done.stderr


def test_the_configuration_of_another_factory_is_judged(
    airgap: Command, project: Path, site_value: dict[str, object]
) -> None:
    deploy(project, site_value)
    own = project / "own.yaml"
    own.write_text(airgap("factory", "config", SITE).stdout)
    inside = airgap("factory", "config", SITE, "--judge", str(own))
    assert (inside.exit_code, "OUTSIDE" in inside.stdout) == (0, False)
    theirs = project / "theirs.yaml"
    theirs.write_text("artifacts: {core: {registry: registry.berlin.example:5000}}\n")
    done = airgap("factory", "config", SITE, "--judge", str(theirs))
    assert done.exit_code == 1
    outside = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("OUTSIDE")]
    assert ["ghcr.io", "cache.oci.registry"] in outside
    assert ["tuf-repo-cdn.sigstore.dev", "containerSignature.subjectRegExp"] in outside
    assert "inside   registry.berlin.example:5000  artifacts.core.registry" in done.stdout


@pytest.mark.parametrize("command", ["config", "status"])
def test_a_site_without_a_factory_says_so(airgap: Command, command: str) -> None:
    done = airgap("factory", command, SITE)
    assert done.exit_code == 1
    assert "imageFactory.kind" in done.stderr


@pytest.fixture
def running() -> Iterator[tuple[Factory, Registry]]:
    """A practice factory whose registry holds no release yet."""
    with Registry() as registry:
        client = RegistryClient(registry.url)
        installers = RegistryClient(registry.url, namespace="siderolabs")
        registries = FactoryRegistries(core=client, schematic=client, installer=installers)
        with Factory(registries, version="v1.5.0", external_url="https://f.example") as factory:
            yield factory, registry


def test_a_factory_is_well_when_it_offers_every_release_of_the_site(
    airgap: Command,
    project: Path,
    site_value: dict[str, object],
    running: tuple[Factory, Registry],
) -> None:
    factory, registry = running
    deploy(project, site_value, endpoint=factory.url)
    forge = ImageForge(registry.content, unit_bytes=1, has_referrers_api=lambda _: False)
    forge.publish(ImageSpec(repository="siderolabs/imager", tag="v1.11.5"))
    done = airgap("factory", "status", SITE)
    assert (done.exit_code, done.stdout) == (
        0,
        f"{factory.url}: Image Factory v1.5.0\nv1.11.5: there\n",
    )
    more = {"versions": ["v1.11.5", "v1.12.4"]}
    deploy(project, {**site_value, "talos": more}, endpoint=factory.url)
    done = airgap("factory", "status", SITE)
    assert done.exit_code == 1
    assert "v1.11.5: there\nv1.12.4: not there" in done.stdout


def test_a_factory_of_another_release_than_the_sites_is_told(
    airgap: Command,
    project: Path,
    site_value: dict[str, object],
    running: tuple[Factory, Registry],
) -> None:
    """IDs are those of the release that the site states; the program that runs makes its own."""
    factory, registry = running
    deploy(project, site_value, endpoint=factory.url, version="v1.4.0")
    forge = ImageForge(registry.content, unit_bytes=1, has_referrers_api=lambda _: False)
    forge.publish(ImageSpec(repository="siderolabs/imager", tag="v1.11.5"))
    done = airgap("factory", "status", SITE)
    assert done.exit_code == 1
    assert "Image Factory v1.5.0\nv1.11.5: there\nimageFactory.version is v1.4.0" in done.stdout
    assert "schematic migrate <site> --to v1.5.0" in done.stdout


def test_a_factory_that_asks_who_is_there_gets_this_machines_credentials(
    airgap: Command,
    project: Path,
    site_value: dict[str, object],
    running: tuple[Factory, Registry],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the enterprise build does (authentication.htpasswd): basic, RFC 7617."""
    factory, registry = running
    deploy(project, site_value, endpoint=factory.url)
    forge = ImageForge(registry.content, unit_bytes=1, has_referrers_api=lambda _: False)
    forge.publish(ImageSpec(repository="siderolabs/imager", tag="v1.11.5"))
    login = {factory.host: {"auth": "cHVsbGVyOk1BUktFRA=="}}
    (project / "auth.json").write_text(json.dumps({"auths": login}))
    monkeypatch.setenv("AIRGAP_AUTH_FILE", str(project / "auth.json"))
    factory.faults.add("/versions", status=401, headers={"WWW-Authenticate": "Basic"})
    assert airgap("factory", "status", SITE).exit_code == 0
    sent = [each.headers.get("Authorization") for each in factory.requests]
    assert sent == [None, "<redacted>"]  # the practice factory keeps none


def test_what_a_factory_needs_to_answer_is_said_when_it_does_not(
    airgap: Command,
    project: Path,
    site_value: dict[str, object],
    running: tuple[Factory, Registry],
) -> None:
    """Image Factory answers a bare 500 where its registry has no imager."""
    factory, _ = running
    deploy(project, site_value, endpoint=factory.url)
    done = airgap("factory", "status", SITE)
    assert done.exit_code == 1
    assert "siderolabs/imager" in done.stderr


def test_the_secrets_of_a_factory_are_printed_and_written_nowhere(
    airgap: Command,
    project: Path,
    site_value: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deploy(project, site_value, deployment={"registrySecretRef": "push", "namespace": "factory"})
    airgap("factory", "key", "--out", "signing.key")
    login = {"registry.berlin.example:5000": {"auth": "cHVzaGVyOk1BUktFRA=="}}
    (project / "auth.json").write_text(json.dumps({"auths": login}))
    monkeypatch.setenv("AIRGAP_AUTH_FILE", str(project / "auth.json"))
    done = airgap("secret", SITE, "--factory", "signing.key")
    key, push = yaml.safe_load_all(done.stdout)
    assert key["metadata"]["name"] == "image-factory-signing-key"
    assert key["stringData"] == {"cache-signing.key": (project / "signing.key").read_text()}
    assert push["metadata"] == {"name": "push", "namespace": "factory"}
    assert push["type"] == "kubernetes.io/dockerconfigjson"
    auths = json.loads(push["stringData"][".dockerconfigjson"])["auths"]
    assert list(auths) == ["registry.berlin.example:5000"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("nothing.key", "cannot be read"), ("Pulumi.yaml", "no private key in PEM")],
)
def test_a_file_that_is_no_key_makes_no_secret(
    airgap: Command, project: Path, site_value: dict[str, object], name: str, words: str
) -> None:
    deploy(project, site_value)
    done = airgap("secret", SITE, "--factory", name)
    assert (done.exit_code, done.stdout) == (1, "")
    assert words in done.stderr
