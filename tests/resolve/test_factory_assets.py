"""Boot assets that a factory makes when a site is locked: pinned once, with who made them.

Names of files: image-factory v1.5.0 `internal/profile`. Each expected byte is the practice
factory's own, asked for without the project's client.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest

from airgap.errors import TransferError
from airgap.lock import AssetPin, FactoryOrigin, Lock, fingerprint
from airgap.progress import Awaited, Event, Report, Tally
from airgap.resolve import resolve_site
from airgap.resolve.factory_assets import FactoryRun
from airgap.resolve.factory_wants import find_factory_assets
from airgap.resolve.upgrade import Upgrade
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.fetch import fetch_site
from airgap.transfer.sources import open_upstream
from lab.factory import Factory, FactoryRegistries
from lab.registryclient import RegistryClient
from lab.upstream import RELEASE, Upstream
from tests.resolve.conftest import IMPATIENT

__all__: list[str] = []

# image-factory v1.5.0, pkg/schematic: the empty schematic; and docs/api.md's qemu-guest-agent
EMPTY_ID = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
AGENT_ID = "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515"
PUBLIC = "https://factory.talos.dev"
OWN_URL = "https://factory.practice.example"
AGENT = {"name": "agent", "environment": "metal", "extensions": ["siderolabs/qemu-guest-agent"]}
BOOTED = ("kernel-amd64", "initramfs-amd64.xz", "cmdline-metal-amd64")
WAIT_S = 60
_numbers = count()


def key(name: str, identity: str = AGENT_ID) -> str:
    return f"{RELEASE}/{identity}/{name}"


@dataclass
class Scene:
    """A factory, and a site that has things made by it."""

    upstream: Upstream
    factory: Factory
    store: Store

    def site(self, **changes: object) -> Site:
        ca = self.upstream.ca_file.read_text()
        hosts = self.upstream.registry_redirects
        del hosts["factory.talos.dev"]
        base: dict[str, object] = {
            "schemaVersion": 1,
            "talos": {"versions": [RELEASE]},
            "registry": {"kind": "existing", "endpoints": [{"url": "https://r.example:5000"}]},
            "assetMirror": {"kind": "embedded", "url": "https://a.example"},
            "sidero": {"version": "v0.6.13"},
            "imageFactory": {"kind": "none", "installer": "mirrored"},
            "environments": [{"name": "metal", "talos": RELEASE, "schematicOf": "agent"}],
            "serverClasses": [AGENT],
            "upstream": {
                "registries": {host: {"url": url, "ca": ca} for host, url in hosts.items()},
                "releases": {"url": self.upstream.releases_url, "ca": ca},
                "factory": {"url": self.factory.url, "version": "v1.5.0"},
            },
        }
        return Site.model_validate(base | changes)

    def run(
        self,
        site: Site,
        previous: Lock | None = None,
        *,
        upgrade: tuple[str, ...] | None = None,
        progress: Callable[[Report], None] | None = None,
        is_kept: bool = True,
    ) -> tuple[Lock, FactoryRun]:
        """Have the factory's part of a lock done."""
        wants = find_factory_assets(site)
        with open_upstream(site, retry=IMPATIENT, progress=progress) as (_, releases):
            making = FactoryRun(
                site,
                previous,
                Upgrade(upgrade, known=wants.keys()),
                factory=releases.factory,
                store=self.store if is_kept else None,
                tally=Tally(0, progress),
                progress=progress,
            )
            assets = making.assets(wants)
        if making.failures:
            raise TransferError("lock", making.failures)
        return Lock(inputs=fingerprint(site), assets=assets), making

    def lock(
        self,
        site: Site,
        previous: Lock | None = None,
        *,
        upgrade: tuple[str, ...] | None = None,
        progress: Callable[[Report], None] | None = None,
    ) -> Lock:
        return self.run(site, previous, upgrade=upgrade, progress=progress)[0]

    def resolve(self, site: Site, previous: Lock | None = None) -> Lock:
        """Lock the site whole."""
        with open_upstream(site, retry=IMPATIENT) as (registries, releases):
            return resolve_site(
                site,
                previous=previous,
                registries=registries,
                releases=releases,
                store=self.store,
            ).lock

    def fetch(self, site: Site, lock: Lock, store: Store) -> None:
        with open_upstream(site, retry=IMPATIENT) as (registries, releases):
            assets = lock.model_copy(update={"images": {}})
            fetch_site(assets, registries=registries, releases=releases, store=store)

    def content(self, name: str, identity: str = AGENT_ID) -> bytes:
        url = f"{self.factory.url}/image/{identity}/{RELEASE}/{name}"
        return httpx.get(url, trust_env=False).raise_for_status().content

    @property
    def asked(self) -> list[str]:
        return [f"{each.method} {each.path}" for each in self.factory.requests]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    with Upstream(tmp_path_factory.mktemp("upstream"), small=True) as running:
        yield running


@pytest.fixture
def scene(collection: Upstream, tmp_path: Path) -> Iterator[Scene]:
    def registry(namespace: str) -> RegistryClient:
        url = collection.outside.url
        return RegistryClient(url, namespace=namespace, ca_file=collection.ca_file)

    own = registry(f"practice-{next(_numbers)}")
    registries = FactoryRegistries(core=registry("ghcr.io"), schematic=own, installer=own)
    with Factory(registries, version="v1.5.0", external_url=OWN_URL) as factory:
        store = Store.open(tmp_path / "store", create=True)
        yield Scene(upstream=collection, factory=factory, store=store)
        assert factory.crashes == []


# What is wanted


def test_an_environment_boots_what_is_made_of_its_class(scene: Scene) -> None:
    wants = find_factory_assets(scene.site())
    assert set(wants) == {key(name) for name in BOOTED}
    assert {want.needed_by for want in wants.values()} == {("environment metal",)}


def test_a_class_has_further_files_made_and_equal_schematics_are_one(scene: Scene) -> None:
    classes = [
        {**AGENT, "bootAssets": ["metal-amd64.iso", "metal-amd64-secureboot.iso"]},
        {**AGENT, "name": "twin", "bootAssets": ["metal-amd64.iso", "metal-amd64.raw.zst"]},
        {"name": "plain", "environment": "arm", "bootAssets": ["metal-arm64-uki.efi"]},
    ]
    environments = [
        {"name": "metal", "talos": RELEASE, "schematicOf": "agent", "bootAsset": "metal-amd64.iso"},
        {"name": "arm", "talos": RELEASE, "architecture": "arm64"},
    ]
    site = scene.site(
        serverClasses=classes, environments=environments, architectures=["amd64", "arm64"]
    )
    wants = find_factory_assets(site)
    assert set(wants) == {
        *(key(name) for name in BOOTED),
        key("metal-amd64.iso"),
        key("metal-amd64-secureboot.iso"),
        key("metal-amd64.raw.zst"),
        key("metal-arm64-uki.efi", EMPTY_ID),
    }
    assert wants[key("metal-amd64.iso")].needed_by == (
        "environment metal",
        "server class agent",
        "server class twin",
    )


def test_a_disk_image_of_ones_own_is_not_made(scene: Scene) -> None:
    environment = {"bootAsset": "metal-amd64.iso", "bootAssetFile": "images/own.iso"}
    booted = {"name": "metal", "talos": RELEASE, "schematicOf": "agent", **environment}
    assert set(find_factory_assets(scene.site(environments=[booted]))) == set(map(key, BOOTED))


# What is pinned


def test_what_was_made_is_pinned_with_who_made_it(scene: Scene) -> None:
    site = scene.site(serverClasses=[{**AGENT, "bootAssets": ["metal-amd64.iso"]}])
    lock = scene.lock(site)
    names = (*BOOTED, "metal-amd64.iso")
    assert {name for name in lock.assets if AGENT_ID in name} == set(map(key, names))
    stored = scene.store.assets()
    for name in names:
        pin, data = lock.assets[key(name)], scene.content(name)
        assert pin.sha256 == "sha256:" + hashlib.sha256(data).hexdigest()
        assert pin.sha512 == "sha512:" + hashlib.sha512(data).hexdigest()
        assert pin.size == len(data)
        assert pin.url == f"{PUBLIC}/image/{AGENT_ID}/{RELEASE}/{name}"
        assert pin.made_by is not None
        assert pin.made_by.schematic == AGENT_ID
        assert (pin.made_by.version, pin.made_by.external_url) == ("v1.5.0", OWN_URL)
        assert scene.store.blob_path(stored[key(name)].sha256).read_bytes() == data
    cmdline = key("cmdline-metal-amd64")
    assert lock.assets[cmdline].text == scene.content("cmdline-metal-amd64").decode()
    assert {name for name, pin in lock.assets.items() if pin.text is not None} == {cmdline}


def test_a_lock_has_it_registered_first_and_mirrored_installers_with_it(scene: Scene) -> None:
    site = scene.site()
    lock = scene.resolve(site)
    assert f"factory.talos.dev/metal-installer/{AGENT_ID}:{RELEASE}" in lock.images
    posts = [place for place, each in enumerate(scene.asked) if each == "POST /schematics"]
    made = [n for n, each in enumerate(scene.asked) if "/image/" in each or "-installer/" in each]
    assert len(posts) == 1
    assert posts[0] < min(made)
    assert set(map(key, BOOTED)) <= lock.assets.keys()
    scene.factory.stop()  # kept pins ask it nothing
    assert scene.resolve(site, lock) == lock


def test_only_what_is_new_is_asked_for(scene: Scene) -> None:
    lock = scene.lock(scene.site())
    scene.factory.requests.clear()
    more = scene.site(serverClasses=[{**AGENT, "bootAssets": ["metal-amd64.iso"]}])
    again = scene.lock(more, lock)
    assert [each for each in scene.asked if "/image/" in each] == [
        f"GET /image/{AGENT_ID}/{RELEASE}/metal-amd64.iso"
    ]
    assert again.assets[key("kernel-amd64")] == lock.assets[key("kernel-amd64")]


def test_an_upgrade_moves_one_pin_though_the_store_has_it(scene: Scene) -> None:
    lock = scene.lock(scene.site())
    scene.factory.requests.clear()
    scene.lock(scene.site(), lock, upgrade=(key("initramfs-amd64.xz"),))
    assert [each for each in scene.asked if "/image/" in each] == [
        f"GET /image/{AGENT_ID}/{RELEASE}/initramfs-amd64.xz"
    ]


def test_a_run_that_failed_has_what_it_got_for_the_next_one(scene: Scene) -> None:
    scene.factory.faults.add("initramfs", times=1, status=500, body=b"internal server error\n")
    with pytest.raises(TransferError) as caught:
        scene.lock(scene.site())
    assert [name for name, _ in caught.value.failures] == [key("initramfs-amd64.xz")]
    scene.factory.requests.clear()
    lock = scene.lock(scene.site())
    assert [each for each in scene.asked if "/image/" in each] == [
        f"GET /image/{AGENT_ID}/{RELEASE}/initramfs-amd64.xz"
    ]
    assert lock.assets[key("cmdline-metal-amd64")].text


def test_bytes_of_another_factory_are_not_taken_for_this_ones(scene: Scene) -> None:
    """The store may have been filled from another site's factory."""
    scene.factory.faults.add("initramfs", times=1, status=500)
    with pytest.raises(TransferError):
        scene.lock(scene.site())
    scene.factory.requests.clear()
    scene.factory.version = "v1.4.0"  # it tells another release from here on
    lock = scene.lock(scene.site())
    assert len([each for each in scene.asked if "/image/" in each]) == len(BOOTED)
    makers = {pin.made_by.version for pin in lock.assets.values() if pin.made_by}
    assert makers == {"v1.4.0"}


def test_files_of_two_factories_are_noted(scene: Scene) -> None:
    site = scene.site()
    lock = scene.lock(site)
    pin = lock.assets[key("kernel-amd64")]
    assert pin.made_by is not None
    other = pin.made_by.model_copy(update={"external_url": "https://other.example"})
    assets = {**lock.assets, key("kernel-amd64"): pin.model_copy(update={"made_by": other})}
    before = lock.model_copy(update={"assets": assets})
    (note,) = scene.run(site, before)[1].notes
    assert note.subject == f"{RELEASE}/{AGENT_ID}"
    assert "https://other.example" in note.message
    assert OWN_URL in note.message


def test_a_pin_with_other_secure_boot_keys_than_the_sites_installers_is_noted(
    scene: Scene,
) -> None:
    """It stays pinned, also when the site's own factory is the one that is asked now."""
    iso = f"v1.11.5/{AGENT_ID}/metal-amd64-secureboot.iso"
    maker = FactoryOrigin(schematic=AGENT_ID, external_url="https://factory.talos.dev")
    url = f"https://factory.talos.dev/image/{AGENT_ID}/v1.11.5/metal-amd64-secureboot.iso"
    own = {
        "kind": "existing",
        "version": "v1.5.0",
        "endpoint": OWN_URL,
        "registry": "r.example:5000",
        "secureBoot": True,
    }
    signed = {**AGENT, "secureBoot": {}, "bootAssets": ["metal-amd64-secureboot.iso"]}
    site = scene.site(
        imageFactory=own,
        environments=[{"name": "metal", "talos": RELEASE}],
        serverClasses=[signed],
    )
    before = Lock(inputs=fingerprint(site), assets={iso: a_pin(url, maker)})
    _, run = scene.run(site, before)
    (note,) = run.notes
    assert (note.subject, f"signed by {maker.external_url}" in note.message) == (iso, True)
    its_own = maker.model_copy(update={"external_url": f"{OWN_URL}/"})
    before = Lock(inputs=fingerprint(site), assets={iso: a_pin(url, its_own)})
    assert scene.run(site, before)[1].notes == []


def a_pin(url: str, maker: FactoryOrigin) -> AssetPin:
    """Pin a file that nobody reads."""
    return AssetPin(
        sha256=f"sha256:{'1' * 64}",
        sha512=f"sha512:{'2' * 128}",
        size=7,
        url=url,
        needed_by=("server class agent",),
        made_by=maker,
    )


def test_nobody_has_to_keep_the_bytes(scene: Scene) -> None:
    site = scene.site()
    assert scene.run(site, is_kept=False)[0] == scene.lock(site)


# Waiting


def test_builds_are_told_of_while_they_are_waited_for(scene: Scene) -> None:
    told: list[Report] = []
    heard, done = threading.Event(), threading.Event()

    def hear(report: Report) -> None:
        told.append(report)
        if isinstance(report, Awaited):
            heard.set()

    def run() -> None:
        scene.lock(scene.site(), progress=hear)
        done.set()

    scene.factory.gate.close()
    thread = threading.Thread(target=run, daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airgap.factory.client.EVERY_S", 0.01)
        thread.start()
        assert heard.wait(WAIT_S)
        assert not done.is_set()
        scene.factory.gate.open()
        thread.join(WAIT_S)
    assert done.is_set()
    names = {report.item for report in told if isinstance(report, Event)}
    assert set(map(key, BOOTED)) <= names


# What goes wrong


def failures(scene: Scene, site: Site | None = None) -> dict[str, str]:
    with pytest.raises(TransferError) as caught:
        scene.lock(site or scene.site())
    return {name: f"{error.message} → {error.hint}" for name, error in caught.value.failures}


def test_a_release_that_the_factory_does_not_build_is_found_before_anything_is_made(
    scene: Scene,
) -> None:
    scene.factory.faults.add("/versions", times=None, status=200, body=b'["v1.10.0"]')
    found = failures(scene)
    assert list(found) == [f"Talos {RELEASE}"]
    assert "it builds v1.10.0" in found[f"Talos {RELEASE}"]
    assert not [each for each in scene.asked if "/image/" in each]


def test_another_id_names_both_generations_and_the_key_to_set(scene: Scene) -> None:
    # yaml/v4 rc.4 and rc.6 quote `off` differently: image-factory v1.4.0 and v1.5.0
    classes = [{**AGENT, "extensions": [], "extraKernelArgs": ["off"]}]
    upstream = scene.site().upstream
    factory = {"url": scene.factory.url, "version": "v1.4.0"}
    redirects = upstream.model_dump(by_alias=True, exclude_none=True) | {"factory": factory}
    found = failures(scene, scene.site(serverClasses=classes, upstream=redirects))
    ((name, error),) = found.items()
    assert name.startswith("schematic ")
    assert "it says it is v1.5.0" in error
    assert "as v1.4.0" in error
    assert "upstream.factory.version" in error
    assert "lock --factory" in error


@pytest.mark.parametrize(
    "body", [b"a\nb", b"\xff\xfe", b"", b"  ", b"x" * (64 * 1024 + 1), b"console=\x1b[2J"]
)
def test_what_are_no_kernel_arguments_is_refused(scene: Scene, body: bytes) -> None:
    headers = {"Content-Type": "text/plain"}
    scene.factory.faults.add("/image/.*cmdline", times=None, status=200, body=body, headers=headers)
    assert list(failures(scene)) == [key("cmdline-metal-amd64")]
    assert key("cmdline-metal-amd64") not in scene.store.assets()


def test_all_that_is_independent_is_tried(scene: Scene) -> None:
    for name in ("kernel-amd64", "initramfs"):
        scene.factory.faults.add(name, times=None, status=500)
    found = failures(scene)
    assert set(found) == {key("kernel-amd64"), key("initramfs-amd64.xz")}
    assert all("request ID" in error for error in found.values())
    assert key("cmdline-metal-amd64") in scene.store.assets()


# Fetched elsewhere


def test_an_empty_store_is_filled_from_the_factory(scene: Scene, tmp_path: Path) -> None:
    lock = scene.lock(scene.site())
    scene.factory.requests.clear()
    scene.factory.faults.add("initramfs", times=1, truncate_to=5000)
    other = Store.open(tmp_path / "other", create=True)
    scene.fetch(scene.site(), lock, other)
    assert other.assets() == scene.store.assets()
    assert other.verify() == ()
    assert not [each for each in scene.factory.requests if "Range" in each.headers]


def test_a_factory_that_rebuilt_other_bytes_says_what_to_do(scene: Scene, tmp_path: Path) -> None:
    lock = scene.lock(scene.site())
    name = key("initramfs-amd64.xz")
    pin = lock.assets[name]
    rebuilt = pin.model_copy(update={"sha256": f"sha256:{'0' * 64}"})
    changed = lock.model_copy(update={"assets": {**lock.assets, name: rebuilt}})
    other = Store.open(tmp_path / "other", create=True)
    with pytest.raises(TransferError) as caught:
        scene.fetch(scene.site(), changed, other)
    ((item, error),) = caught.value.failures
    assert item == name
    assert f"lock <site> --upgrade {name}" in error.hint
    assert name not in other.assets()


def test_the_pin_is_what_the_lock_says_it_is(scene: Scene) -> None:
    pin = scene.lock(scene.site()).assets[key("kernel-amd64")]
    assert AssetPin.model_validate_json(pin.model_dump_json(by_alias=True)) == pin
