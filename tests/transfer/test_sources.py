"""Which factory is asked for what has its origin at the public one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from airgap.errors import FactoryError, RegistryError, UpstreamError
from airgap.factory import FactoryClient
from airgap.net import RetryPolicy
from airgap.oci.client import RegistryAddress, RegistryClient
from airgap.schematic import schematic_for
from airgap.site.model import Site
from airgap.talos import FactoryAsset, factory_asset_url, parse_factory_url
from airgap.transfer.sources import open_upstream
from lab.upstream import RELEASE, Upstream
from tests.transfer.conftest import IMPATIENT

__all__: list[str] = []

# image-factory v1.5.0, pkg/schematic: the empty schematic
EMPTY_ID = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
KERNEL = factory_asset_url(RELEASE, EMPTY_ID, "kernel-amd64")
MakeSite = Callable[..., Site]


@dataclass
class Sink:
    """Takes bytes."""

    data: bytes = b""

    def restart(self) -> None:
        self.data = b""

    def write(self, data: memoryview) -> None:
        self.data += data


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    with Upstream(tmp_path_factory.mktemp("outside"), small=True) as running:
        yield running


@pytest.fixture
def make_site() -> MakeSite:
    def make(**upstream: object) -> Site:
        return Site.model_validate(
            {
                "schemaVersion": 1,
                "talos": {"versions": [RELEASE]},
                "registry": {"kind": "existing", "endpoints": [{"url": "https://r.example:5000"}]},
                "assetMirror": {"kind": "embedded", "url": "https://a.example"},
                "sidero": {"version": "v0.6.13"},
                "upstream": upstream,
            }
        )

    return make


@pytest.mark.parametrize(
    ("upstream", "url", "repository"),
    [
        ({}, "https://factory.talos.dev", "metal-installer/x"),
        (
            {"factory": "https://factory.near.example"},
            "https://factory.near.example",
            "metal-installer/x",
        ),
        (
            {
                "factory": "https://factory.near.example",
                "registries": {"factory.talos.dev": "https://cache.example/made"},
            },
            "https://cache.example",
            "made/metal-installer/x",
        ),
    ],
    ids=["public", "the factory that is asked", "a cache of its own"],
)
def test_installers_come_from_the_factory_that_is_asked(
    make_site: MakeSite, upstream: dict[str, object], url: str, repository: str
) -> None:
    with open_upstream(make_site(**upstream)) as (registries, _):
        client, found = registries.locate("factory.talos.dev", "metal-installer/x")
    assert (client.address.url, found) == (url, repository)


def test_its_own_authority_is_trusted_for_images_and_files(
    make_site: MakeSite, outside: Upstream
) -> None:
    factory = {"url": outside.factory_url, "ca": outside.ca_file.read_text()}
    sink = Sink()
    with open_upstream(make_site(factory=factory), retry=IMPATIENT) as (registries, releases):
        assert releases.factory is not None
        releases.factory.register(schematic_for())
        client, name = registries.locate("factory.talos.dev", f"metal-installer/{EMPTY_ID}")
        assert client.head_manifest(name, RELEASE) is not None
        releases.download(KERNEL, sink, size=None, max_bytes=1 << 30)
    assert sink.data == outside.releases.release(RELEASE).find("vmlinuz-amd64")


def test_an_authority_that_is_not_trusted_is_said(make_site: MakeSite, outside: Upstream) -> None:
    site = make_site(factory={"url": outside.factory_url})
    with (
        open_upstream(site, retry=IMPATIENT) as (_, releases),
        pytest.raises(FactoryError, match=r"certificate is not trusted.*request ID"),
    ):
        releases.download(KERNEL, Sink(), size=None, max_bytes=1 << 30)


def test_every_other_url_is_not_the_factorys(make_site: MakeSite, outside: Upstream) -> None:
    ca = outside.ca_file.read_text()
    site = make_site(
        factory={"url": outside.factory_url, "ca": ca},
        releases={"url": outside.releases_url, "ca": ca},
    )
    outside.factory.requests.clear()
    base = "https://github.com/siderolabs/talos/releases/download"
    with open_upstream(site, retry=IMPATIENT) as (_, releases):
        assert releases.read(f"{base}/{RELEASE}/sha512sum.txt", max_bytes=1 << 20)
    assert len(outside.factory.requests) == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://factory.talos.dev/image/x/v1.11.5",
        "https://factory.talos.dev/image/x/v1.11.5/a/b",
        "https://factory.talos.dev/image//v1.11.5/a",
        "https://factory.talos.dev.example/image/x/v1.11.5/a",
        "http://factory.talos.dev/image/x/v1.11.5/a",
        "file:image/x/v1.11.5/a",
    ],
)
def test_only_a_boot_assets_own_url_is_one(url: str) -> None:
    assert parse_factory_url(url) is None


def test_a_boot_assets_url_and_key_belong_together() -> None:
    asset = FactoryAsset(talos=RELEASE, schematic=EMPTY_ID, name="metal-amd64.iso")
    assert asset.url == f"https://factory.talos.dev/image/{EMPTY_ID}/{RELEASE}/metal-amd64.iso"
    assert asset.key == f"{RELEASE}/{EMPTY_ID}/metal-amd64.iso"
    assert parse_factory_url(asset.url) == asset


def test_an_installer_is_waited_for_as_long_as_is_said(outside: Upstream) -> None:
    """The factory makes it when its manifest is asked for, which takes minutes."""
    ca = outside.ca_file.read_text()
    args = ["vga=791"]
    with FactoryClient(outside.factory_url, ca, retry=IMPATIENT) as factory:
        identity = factory.register(schematic_for(extra_kernel_args=args))
    outside.factory.gate.close()
    address = RegistryAddress(url=outside.factory_url, ca=ca)
    once = RetryPolicy(attempts=1)
    try:
        with (
            RegistryClient(address, retry=once, answer_s=0.05) as hasty,
            pytest.raises(RegistryError, match="timed out"),
        ):
            hasty.head_manifest(f"metal-installer/{identity}", RELEASE)
    finally:
        outside.factory.gate.open()


def test_the_authors_own_files_stay_the_authors(make_site: MakeSite, tmp_path: Path) -> None:
    (tmp_path / "own.iso").write_bytes(b"own")
    sink = Sink()
    with open_upstream(make_site(), beside=tmp_path) as (_, releases):
        releases.download("file:own.iso", sink, size=None, max_bytes=10)
        with pytest.raises(UpstreamError, match=r"gone\.iso"):
            releases.download("file:gone.iso", Sink(), size=None, max_bytes=10)
    assert sink.data == b"own"
