"""The real peers do here what the tests that lean on them take for granted."""

import hashlib
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.peers.certificates import Certificates
from tests.peers.clients import Client, Crane, Regctl, Skopeo
from tests.peers.conformance import PULL_APIS, Content, check_pull
from tests.peers.machine import boot_machine
from tests.peers.realistic import RealImage, write_release
from tests.peers.registries import RealRegistry
from tests.peers.webserver import serve_directory
from tools.peers import Peers

pytestmark = pytest.mark.peers


@pytest.fixture(params=["crane", "regctl", "skopeo"])
def client(request: pytest.FixtureRequest) -> Client:
    """Each of the real clients."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Crane | Regctl | Skopeo)
    return found


def test_image_copied_between_registries_keeps_its_digest(
    client: Client,
    skopeo: Skopeo,
    small_image: RealImage,
    distribution: RealRegistry,
    docker_registry: RealRegistry,
) -> None:
    source = f"{distribution.host}/debian/small:12"
    destination = f"{docker_registry.host}/mirror/debian/small:12"
    skopeo.push(small_image.layout, source)

    client.copy(source, destination)

    assert client.digest(source) == client.digest(destination) == small_image.digest


def test_pulled_image_hashes_to_its_digest(
    client: Client,
    crane: Crane,
    small_image: RealImage,
    distribution: RealRegistry,
    tmp_path: Path,
) -> None:
    reference = f"{distribution.host}/debian/small:12"
    crane.push(small_image.layout, reference)

    assert client.pull(reference, tmp_path / "pulled") == small_image.digest


def test_docker_types_keep_their_digest_where_oci_types_are_known_too(
    client: Client,
    skopeo: Skopeo,
    small_image: RealImage,
    distribution: RealRegistry,
    docker_registry: RealRegistry,
) -> None:
    source = f"{docker_registry.host}/debian/legacy:12"
    skopeo.push(small_image.layout, source, "--format=v2s2")

    client.copy(source, f"{distribution.host}/debian/legacy:12")

    copied = client.digest(f"{distribution.host}/debian/legacy:12")
    assert copied == client.digest(source) != small_image.digest


def test_large_image_is_above_300_mb_and_shares_layers_between_platforms(
    large_image: RealImage,
) -> None:
    assert large_image.size_bytes["amd64"] > 300_000_000
    assert set(large_image.layers["amd64"]) & set(large_image.layers["arm64"])


def test_conformance_suite_passes_a_real_registry_and_fails_one_without_the_content(
    peers: Peers,
    environment: Mapping[str, str],
    crane: Crane,
    small_image: RealImage,
    distribution: RealRegistry,
    tmp_path: Path,
) -> None:
    crane.push(small_image.layout, f"{distribution.host}/debian/small:12")
    held = Content(
        repository="debian/small",
        tags=["12"],
        manifests=[small_image.digest, *small_image.platforms.values()],
        blobs=small_image.layers["amd64"],
    )
    absent = Content(
        repository="debian/small", tags=["13"], manifests=[f"sha256:{'0' * 64}"], blobs=[]
    )

    good = check_pull(peers, distribution.host, held, environment, tmp_path / "good")
    bad = check_pull(peers, distribution.host, absent, environment, tmp_path / "bad")

    assert good.result == "Pass", good.report
    assert {api for api, result in good.apis.items() if result == "Pass"} == PULL_APIS
    assert bad.result == "FAIL", bad.report


def test_nginx_serves_a_release_whose_sums_are_right(
    peers: Peers, certificates: Certificates, tmp_path: Path
) -> None:
    write_release(peers, tmp_path / "www" / "v1.11.5", "v1.11.5", freight_bytes=1000)
    authority = ssl.create_default_context(cafile=certificates.authority)

    with (
        serve_directory(peers, tmp_path / "www", certificates, tmp_path / "nginx") as url,
        httpx.Client(base_url=f"{url}/v1.11.5/", verify=authority, timeout=60) as web,
    ):
        sums = web.get("sha512sum.txt").raise_for_status().text
        files = {line[130:]: line[:128] for line in sums.splitlines()}
        served = {name: web.get(name).raise_for_status().content for name in files}

    assert set(files) == {"vmlinuz-amd64", "initramfs-amd64.xz"}
    assert {n: hashlib.sha512(data).hexdigest() for n, data in served.items()} == files


@contextmanager
def _plain_http(folder: Path) -> Iterator[int]:
    handler = partial(_QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
        pass


_BOOT_SCRIPT = """\
#!ipxe
kernel vmlinuz-amd64 console=ttyS0 talos.platform=metal initrd=initramfs-amd64.xz
initrd initramfs-amd64.xz
boot
"""


def test_machine_boots_from_the_network_and_says_its_arguments(
    peers: Peers, tmp_path: Path
) -> None:
    write_release(peers, tmp_path / "www", "v1.11.5", freight_bytes=2_000_000)
    (tmp_path / "www" / "boot.ipxe").write_text(_BOOT_SCRIPT)

    with _plain_http(tmp_path / "www") as port:
        boot = boot_machine(peers, port, tmp_path / "machine")

    expected = "console=ttyS0 talos.platform=metal initrd=initramfs-amd64.xz"
    assert boot.arguments == expected, boot.console
    assert boot.release == "v1.11.5"
    assert boot.is_intact


def test_machine_that_booted_an_overwritten_initramfs_is_not_intact(
    peers: Peers, tmp_path: Path
) -> None:
    """A shorter initramfs written over a longer one: Sidero's cache does that (facts F2)."""
    write_release(peers, tmp_path / "old", "v1.11.5", freight_bytes=400_000)
    write_release(peers, tmp_path / "www", "v1.11.6", freight_bytes=200_000)
    (tmp_path / "www" / "boot.ipxe").write_text(_BOOT_SCRIPT)
    new = tmp_path / "www" / "initramfs-amd64.xz"
    old = (tmp_path / "old" / "initramfs-amd64.xz").read_bytes()
    new.write_bytes(new.read_bytes() + old[new.stat().st_size :])

    with _plain_http(tmp_path / "www") as port:
        boot = boot_machine(peers, port, tmp_path / "machine")

    assert not boot.is_intact, boot.console


def test_machine_reaches_nothing_but_the_site(peers: Peers, tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    with _plain_http(tmp_path / "www") as site, _plain_http(tmp_path / "www") as other:
        script = f"#!ipxe\nimgfetch http://10.0.2.2:{other}/ && echo reached || echo sealed\nexit\n"
        (tmp_path / "www" / "boot.ipxe").write_text(script)
        boot = boot_machine(peers, site, tmp_path / "machine")

    assert "sealed" in boot.console
    assert "reached" not in boot.console
