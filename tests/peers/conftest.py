"""Real peers for tests: an absent one is an error that names it, never a skip."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.peers.certificates import Certificates, issue_certificates
from tests.peers.clients import Crane, Regctl, Skopeo, client_environment
from tests.peers.realistic import RealImage, real_image
from tests.peers.registries import RealRegistry, serve_registry
from tools.peers import PeerError, Peers, locate


@pytest.fixture(scope="session")
def peers() -> Peers:
    """Every real peer, on this machine."""
    found = locate()
    if missing := found.missing():
        raise PeerError(f"not here: {', '.join(missing)}; `make peers` gets them")
    return found


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The session's private authority, and a certificate for servers on loopback."""
    return issue_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def environment(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    """The environment of a client program: trusts the private authority, knows no credentials."""
    return client_environment(certificates.authority, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def crane(peers: Peers, environment: Mapping[str, str]) -> Crane:
    """The real crane."""
    return Crane(peers=peers, environment=environment)


@pytest.fixture(scope="session")
def regctl(peers: Peers, environment: Mapping[str, str]) -> Regctl:
    """The real regctl."""
    return Regctl(peers=peers, environment=environment)


@pytest.fixture(scope="session")
def skopeo(peers: Peers, environment: Mapping[str, str]) -> Skopeo:
    """The real skopeo."""
    return Skopeo(peers=peers, environment=environment)


@pytest.fixture
def distribution(
    peers: Peers, certificates: Certificates, tmp_path: Path
) -> Iterator[RealRegistry]:
    """A distribution v3, empty."""
    with serve_registry(peers, "registry", certificates, tmp_path / "distribution") as registry:
        yield registry


@pytest.fixture
def docker_registry(
    peers: Peers, certificates: Certificates, tmp_path: Path
) -> Iterator[RealRegistry]:
    """Debian's docker-registry 2.8.2, empty."""
    folder = tmp_path / "docker-registry"
    with serve_registry(peers, "docker-registry", certificates, folder) as registry:
        yield registry


@pytest.fixture(scope="session")
def small_image(peers: Peers) -> RealImage:
    """A base system of a few MB, for two platforms."""
    names = ("base-files", "libc6", "busybox-static", "ca-certificates")
    return real_image(peers, {"amd64": names, "arm64": names})


@pytest.fixture(scope="session")
def large_image(peers: Peers) -> RealImage:
    """A Java build machine with a kernel's source: more than 300 MB on amd64."""
    base = ("base-files", "libc6", "busybox-static", "ca-certificates")
    names = (*base, "fonts-noto-cjk", "linux-source-6.1", "openjdk-17-jre-headless")
    return real_image(peers, {"amd64": (*names, "openjdk-17-jdk-headless"), "arm64": names})
