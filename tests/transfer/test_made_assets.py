"""What a factory made, at `<version>/<schematic ID>/<file>`: published, served, found, removed."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from airgap.digest import Digest
from airgap.errors import AirgapError, TransferError
from airgap.serve import Server
from airgap.serve.catalogue import Catalogue
from airgap.store import Store, StoredAsset
from airgap.transfer.destination import AssetItem, MirrorDestination
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.observe import observe_assets
from airgap.transfer.prune import remove_assets
from airgap.transfer.publish import check_served, publish_assets
from tests.transfer.conftest import IMPATIENT, VERSION
from tests.web_directory import WebDirectory

__all__: list[str] = []

# Published IDs: image-factory v1.5.0, pkg/schematic (empty) and docs/api.md (qemu-guest-agent)
ONE = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"
TWO = "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515"
MAKER = "Image Factory v1.5.0 at https://factory.example"
CONTENT = {
    f"{VERSION}/vmlinuz-amd64": b"the release's kernel " * 99,
    f"{VERSION}/{ONE}/kernel-amd64": b"the release's kernel " * 99,  # the same bytes
    f"{VERSION}/{ONE}/initramfs-amd64.xz": b"one " * 999,
    f"{VERSION}/{TWO}/initramfs-amd64.xz": b"two " * 999,
}
RELEASE_KEY, *MADE = CONTENT


def digits(data: bytes) -> str:
    return hashlib.sha512(data).hexdigest()[:16]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path / "store", create=True)
    for key, data in CONTENT.items():
        asset = StoredAsset(
            sha256=store.put(data),
            sha512=Digest("sha512", hashlib.sha512(data).hexdigest()),
            size=len(data),
            origin=f"https://example.invalid/{key}",
            made_by=MAKER if key in MADE else "",
        )
        store.add_asset(key, asset)
    return store


@pytest.fixture
def items(store: Store) -> dict[str, AssetItem]:
    return {
        key: AssetItem(name=key, sha256=each.sha256, sha512=each.sha512, size=each.size)
        for key, each in store.assets().items()
    }


class Mirror:
    """A directory with its web server, and what takes to publish to it."""

    def __init__(self, server: WebDirectory, store: Store) -> None:
        self.root = server.directory
        self.store = store
        self.destination = MirrorDestination(
            kind="directory", url=server.mirror_url, path=str(server.directory)
        )
        self.ledger = Ledger(ledger_root(store.root), self.destination.identity)

    def publish(self, items: dict[str, AssetItem], set_name: str = "talos") -> tuple[int, int]:
        done = publish_assets(
            self.store,
            self.destination,
            set_name,
            tuple(items.values()),
            self.ledger,
            retry=IMPATIENT,
        )
        return done.present, done.published

    def faults(self, items: dict[str, AssetItem]) -> dict[str, str]:
        found = observe_assets(self.destination, tuple(items.values()), self.ledger)
        return {name: fault for name, fault in found.items() if fault}

    def files(self) -> set[str]:
        return {str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()}


@pytest.fixture
def mirror(store: Store, items: dict[str, AssetItem], tmp_path: Path) -> Iterator[Mirror]:
    with WebDirectory(tmp_path / "www") as server:
        mirror = Mirror(server, store)
        assert mirror.publish(items) == (0, len(CONTENT))
        yield mirror
    assert server.crashes == []


def test_each_directory_holds_its_files_and_their_sums(mirror: Mirror) -> None:
    expected = {f"{VERSION}/checksums.txt"}
    for key, data in CONTENT.items():
        place, _, file = key.rpartition("/")
        paths = {key, f"{place}/{digits(data)}/{file}"}
        expected |= paths | {f"{place}/checksums.txt"}
        assert {(mirror.root / path).read_bytes() for path in paths} == {data}
    assert mirror.files() == expected


@pytest.mark.parametrize("directory", [VERSION, f"{VERSION}/{ONE}", f"{VERSION}/{TWO}"])
def test_each_directorys_checksums_satisfy_sha512sum(mirror: Mirror, directory: str) -> None:
    """The peer is coreutils' sha512sum itself."""
    done = subprocess.run(
        ["sha512sum", "--strict", "--check", "checksums.txt"],
        cwd=mirror.root / directory,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = sorted(key.rpartition("/")[2] for key in CONTENT if key.rpartition("/")[0] == directory)
    assert done.stdout.decode().splitlines() == [f"{name}: OK" for name in names]


def test_publishing_again_changes_nothing(mirror: Mirror, items: dict[str, AssetItem]) -> None:
    assert mirror.faults(items) == {}
    assert mirror.publish(items) == (len(CONTENT), 0)


def test_what_is_gone_or_unlisted_is_found_and_mended(
    mirror: Mirror, items: dict[str, AssetItem]
) -> None:
    one, two = f"{VERSION}/{ONE}/initramfs-amd64.xz", f"{VERSION}/{TWO}/initramfs-amd64.xz"
    content_path = f"{VERSION}/{ONE}/{digits(CONTENT[one])}/initramfs-amd64.xz"
    (mirror.root / content_path).unlink()
    (mirror.root / VERSION / TWO / "checksums.txt").unlink()
    assert mirror.faults(items) == {
        one: f"missing at {content_path}",
        two: "not in checksums.txt",
    }
    mirror.publish(items)
    assert mirror.faults(items) == {}


def test_what_no_set_names_goes_with_its_directory_and_its_sums(
    mirror: Mirror, items: dict[str, AssetItem]
) -> None:
    kept = {key: item for key, item in items.items() if TWO not in key}
    mirror.publish(kept)
    gone = items[f"{VERSION}/{TWO}/initramfs-amd64.xz"]
    removals = remove_assets(mirror.destination, mirror.ledger, gone.keys)
    assert {each.outcome for each in removals} == {"removed"}
    assert not (mirror.root / VERSION / TWO).exists()
    assert mirror.faults(kept) == {}


def test_a_file_that_goes_leaves_the_sums_of_its_neighbours(
    mirror: Mirror, items: dict[str, AssetItem]
) -> None:
    gone = items[f"{VERSION}/{ONE}/initramfs-amd64.xz"]
    kept = {key: item for key, item in items.items() if item != gone}
    mirror.publish(kept)
    remove_assets(mirror.destination, mirror.ledger, gone.keys)
    assert mirror.faults(kept) == {}
    listed = (mirror.root / VERSION / ONE / "checksums.txt").read_text()
    assert [line.split()[1] for line in listed.splitlines()] == ["kernel-amd64"]


def test_all_can_go(mirror: Mirror, items: dict[str, AssetItem]) -> None:
    mirror.ledger.release("talos")
    keys = [key for item in items.values() for key in item.keys]
    remove_assets(mirror.destination, mirror.ledger, keys)
    assert list(mirror.root.iterdir()) == []


# Served from the store as it is


def test_the_store_serves_them_at_the_same_paths(store: Store, items: dict[str, AssetItem]) -> None:
    with Server(store, "127.0.0.1", 0) as server:
        served = MirrorDestination(kind="embedded", url=server.url)
        check_served(served, tuple(items.values()), retry=IMPATIENT)
        for directory in (VERSION, f"{VERSION}/{ONE}"):
            text = httpx.get(f"{server.url}/{directory}/checksums.txt", trust_env=False).text
            names = {
                key.rpartition("/")[2] for key in CONTENT if key.rpartition("/")[0] == directory
            }
            assert {line.split()[1] for line in text.splitlines()} == names
        path = items[f"{VERSION}/{TWO}/initramfs-amd64.xz"].content_path
        answer = httpx.get(f"{server.url}/{path}", trust_env=False)
    assert answer.content == CONTENT[f"{VERSION}/{TWO}/initramfs-amd64.xz"]
    assert "immutable" in answer.headers["cache-control"]


def test_one_that_is_not_served_is_told(store: Store, items: dict[str, AssetItem]) -> None:
    key = f"{VERSION}/{ONE}/kernel-amd64"
    store.forget([key])
    with Server(store, "127.0.0.1", 0) as server:
        served = MirrorDestination(kind="embedded", url=server.url)
        with pytest.raises(TransferError) as caught:
            check_served(served, tuple(items.values()), retry=IMPATIENT)
    assert [name for name, _ in caught.value.failures] == [key]


def test_a_damaged_one_spoils_the_sums_of_its_own_directory_only(store: Store) -> None:
    key = f"{VERSION}/{ONE}/kernel-amd64"
    (entry,) = [entry for entry in store.index.entries() if entry.name == key]
    manifest = store.blob_path(entry.descriptor.digest)
    manifest.chmod(0o644)
    manifest.write_bytes(b"{}")
    catalogue = Catalogue.of(store)
    data = CONTENT[key]
    for path in (key, f"{VERSION}/{ONE}/{digits(data)}/kernel-amd64"):
        with pytest.raises(AirgapError):
            catalogue.check_path(path)
    with pytest.raises(AirgapError):
        catalogue.check_path(f"{VERSION}/{ONE}/checksums.txt")
    for path in (f"{VERSION}/checksums.txt", f"{VERSION}/{TWO}/checksums.txt", RELEASE_KEY):
        catalogue.check_path(path)


# In the store


def test_the_store_remembers_who_made_it(store: Store) -> None:
    found = store.assets()
    assert {key for key, asset in found.items() if asset.made_by == MAKER} == set(MADE)
    assert found[RELEASE_KEY].made_by == ""


def test_an_artifact_that_no_factory_made_is_as_it_ever_was(store: Store) -> None:
    """The bytes of stores that are out there: no new annotation unless there is a maker."""
    annotations = {}
    for entry in store.index.entries():
        document = json.loads(store.read(entry.descriptor.digest))
        annotations[entry.name] = set(document["annotations"])
    old = {
        "org.opencontainers.image.title",
        "vnd.sidero-airgap.sha512",
        "vnd.sidero-airgap.origin",
    }
    assert annotations[RELEASE_KEY] == old
    assert [annotations[key] - old for key in MADE] == [{"vnd.sidero-airgap.made-by"}] * len(MADE)


def test_collecting_keeps_what_is_named(store: Store, items: dict[str, AssetItem]) -> None:
    kept = [item.sha256 for key, item in items.items() if TWO not in key]
    collected = store.retain(kept)
    assert collected.forgotten == (f"{VERSION}/{TWO}/initramfs-amd64.xz",)
    assert set(store.assets()) == {key for key in CONTENT if TWO not in key}
    assert store.verify() == ()
