"""A machine boots what Sidero took from a real web server over TLS.

Sidero is the simulated one (`lab.sidero`); web server, kernel, iPXE and the wire are real.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lab.sidero import Sidero
from tests.peers.certificates import Certificates
from tests.peers.machine import SITE_ADDRESS, Boot, boot_machine
from tests.peers.processes import free_port
from tests.peers.realistic import write_release
from tests.peers.webserver import serve_directory
from tools.peers import Peers

pytestmark = pytest.mark.peers

_UUID = "4c4c4544-0039-3010-804e-c4c04f4e3133"
_ARGUMENTS = ("console=ttyS0", "talos.platform=metal", "site.rack=b7", "initrd=initramfs.xz")
_OLD, _NEW = "v1.11.5", "v1.11.6"


@pytest.fixture(scope="module")
def releases(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two releases; the newer has the smaller initramfs."""
    folder = tmp_path_factory.mktemp("releases")
    write_release(peers, folder / _OLD, _OLD, freight_bytes=2_000_000)
    write_release(peers, folder / _NEW, _NEW, freight_bytes=500_000)
    return folder


@pytest.fixture
def mirror(
    peers: Peers, releases: Path, certificates: Certificates, tmp_path: Path
) -> Iterator[str]:
    """nginx over the releases; its URL."""
    with serve_directory(peers, releases, certificates, tmp_path / "nginx") as url:
        yield url


@pytest.fixture
def sidero(certificates: Certificates, tmp_path: Path) -> Iterator[Sidero]:
    """A manager that trusts the private authority and whom machines know by its sealed address."""
    port = free_port()
    pod = tmp_path / "pod"
    with Sidero(
        pod, ca_bundle=certificates.authority, port=port, api=f"{SITE_ADDRESS}:{port}"
    ) as manager:
        yield manager
        assert manager.crashes == []


def _environment(mirror: str, name: str, release: str) -> Mapping[str, object]:
    return {
        "apiVersion": "metal.sidero.dev/v1alpha2",
        "kind": "Environment",
        "metadata": {"name": name},
        "spec": {
            "kernel": {"url": f"{mirror}/{release}/vmlinuz-amd64", "args": list(_ARGUMENTS)},
            "initrd": {"url": f"{mirror}/{release}/initramfs-amd64.xz"},
        },
    }


def _boot(
    peers: Peers, sidero: Sidero, environment: Mapping[str, object], name: str, folder: Path
) -> Boot:
    """Have Sidero take an Environment, and a machine that always boots from the network boot it."""
    sidero.apply(environment)
    assert name not in sidero.reconcile()
    document = {"apiVersion": "metal.sidero.dev/v1alpha2", "metadata": {"name": "any-machine"}}
    sidero.apply({**document, "kind": "ServerClass", "spec": {"environmentRef": {"name": name}}})
    spec = {"accepted": True, "pxeBootAlways": True}
    sidero.apply({**document, "kind": "Server", "metadata": {"name": _UUID}, "spec": spec})
    sidero.bind(_UUID, server_class="any-machine", bootstrap="version: v1alpha1\n")
    port = int(sidero.host.rpartition(":")[2])
    return boot_machine(peers, port, folder, uuid=_UUID)


def test_machine_boots_the_environment_with_its_arguments(
    peers: Peers, sidero: Sidero, mirror: str, tmp_path: Path
) -> None:
    environment = _environment(mirror, "talos", _OLD)

    boot = _boot(peers, sidero, environment, "talos", tmp_path / "machine")

    assert boot.arguments is not None, boot.console
    assert boot.arguments.split()[: len(_ARGUMENTS)] == list(_ARGUMENTS)
    assert f"talos.config=http://{SITE_ADDRESS}" in boot.arguments
    assert (boot.release, boot.is_intact) == (_OLD, True)


def test_smaller_initramfs_boots_intact_from_an_environment_of_its_own(
    peers: Peers, sidero: Sidero, mirror: str, releases: Path, tmp_path: Path
) -> None:
    _boot(peers, sidero, _environment(mirror, "old", _OLD), "old", tmp_path / "first")

    boot = _boot(peers, sidero, _environment(mirror, "new", _NEW), "new", tmp_path / "second")

    assert (boot.release, boot.is_intact) == (_NEW, True), boot.console
    taken = sidero.asset_file("new", "initramfs.xz").read_bytes()
    published = (releases / _NEW / "initramfs-amd64.xz").read_bytes()
    assert hashlib.sha512(taken).digest() == hashlib.sha512(published).digest()


def test_smaller_initramfs_under_the_same_environment_is_damaged_by_stock_sidero(
    peers: Peers, sidero: Sidero, mirror: str, tmp_path: Path
) -> None:
    """Why an Environment must not change its assets in place: v0.6.13 does not truncate."""
    sidero.apply(_environment(mirror, "talos", _OLD))
    sidero.reconcile()

    boot = _boot(peers, sidero, _environment(mirror, "talos", _NEW), "talos", tmp_path / "machine")

    assert not boot.is_intact, boot.console
