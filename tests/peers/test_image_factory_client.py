"""The project's own client of an Image Factory, with the real v1.0.3 and the practice one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from airgap.errors import FactoryError
from airgap.factory import FactoryClient
from airgap.net import RetryPolicy
from airgap.schematic import canonical_yaml, schematic_for, schematic_id
from airgap.talos import FactoryAsset
from tests.peers.factorycatalogue import RELEASE, VERSIONS, imager_file
from tests.peers.factorysubjects import EXTERNAL_URL, KINDS, Subject, start_subject
from tools.peers import Peers

pytestmark = pytest.mark.peers

_VERSION = "v1.0.3"
_MOST = 1 << 20


@dataclass(slots=True)
class _Bytes:
    """Takes what comes."""

    data: bytes = b""

    def restart(self) -> None:
        self.data = b""

    def write(self, data: memoryview) -> None:
        self.data += bytes(data)


@pytest.fixture(scope="module", params=KINDS)
def subject(
    request: pytest.FixtureRequest, peers: Peers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Subject]:
    """A factory with a catalogue."""
    with start_subject(request.param, peers, tmp_path_factory.mktemp("factory")) as started:
        yield started


@pytest.fixture
def client(subject: Subject) -> Iterator[FactoryClient]:
    """A client that knows nothing yet, and asks once."""
    url = str(subject.http.base_url).rstrip("/")
    with FactoryClient(url, version=_VERSION, retry=RetryPolicy(attempts=1)) as connected:
        yield connected


def test_a_schematic_is_registered_read_back_and_has_the_predicted_id(
    client: FactoryClient,
) -> None:
    schematic = schematic_for(
        extensions=["siderolabs/gvisor"], extra_kernel_args=["net.ifnames=0", "vga=791"]
    )
    identity = client.register(schematic)
    assert identity == schematic_id(schematic, factory=_VERSION)
    assert client.schematic_text(identity) == canonical_yaml(schematic, factory=_VERSION)
    assert client.schematic_text("f" * 64) is None


def test_versions_and_catalogues_are_read(client: FactoryClient, subject: Subject) -> None:
    assert client.versions() == VERSIONS
    (gvisor,) = [each for each in client.extensions(RELEASE) if each.name == "siderolabs/gvisor"]
    image = subject.registry.content.find("siderolabs/gvisor", "20250707.0")
    assert image is not None
    assert str(gvisor.digest) == str(image.digest)
    assert {each.name for each in client.overlays(RELEASE)} >= {"rock5b", "rpi_generic"}


def test_boot_assets_arrive_whole(client: FactoryClient) -> None:
    identity = client.register(schematic_for(extra_kernel_args=["vga=791"]))
    kernel = FactoryAsset(talos=RELEASE, schematic=identity, name="kernel-arm64")
    client.transfer(kernel, taken := _Bytes(), size=None, max_bytes=_MOST).run()
    assert taken.data == imager_file("arm64", "vmlinuz")
    line = FactoryAsset(talos=RELEASE, schematic=identity, name="cmdline-metal-amd64")
    client.transfer(line, taken := _Bytes(), size=None, max_bytes=_MOST).run()
    assert taken.data.decode().split()[-1] == "vga=791"
    assert client.external_url(kernel, "arm64") == EXTERNAL_URL
    assert client.release in ("v1.0.2", "v1.0.3")  # a self-built one is one behind


def test_what_is_not_on_offer_is_said_with_what_is(client: FactoryClient) -> None:
    with pytest.raises(FactoryError, match=r"version 9\.9\.9 is not available") as caught:
        client.extensions("v9.9.9")
    assert VERSIONS[-1] in (caught.value.hint or "")
    identity = client.register(schematic_for(extensions=["siderolabs/nope"]))
    asset = FactoryAsset(talos=RELEASE, schematic=identity, name="initramfs-amd64.xz")
    with pytest.raises(FactoryError, match='official extension "siderolabs/nope"') as caught:
        client.transfer(asset, _Bytes(), size=None, max_bytes=_MOST).run()
    assert "airgap extensions" in (caught.value.hint or "")
