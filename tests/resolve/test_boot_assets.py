"""Boot assets beyond kernel and initramfs: of the release, and files of the author's own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from airgap.errors import IntegrityError, LockError, TransferError, UpstreamError
from airgap.lock import Lock, check_lock
from airgap.resolve import find_assets
from airgap.site.model import Site
from airgap.store import Store
from airgap.transfer.fetch import fetch_site
from airgap.transfer.sources import open_upstream
from lab.upstream import RELEASE, Upstream
from tests.resolve.conftest import IMPATIENT, MakeSite, resolve

__all__: list[str] = []

NAME = "metal-amd64.raw.zst"
KEY = f"{RELEASE}/{NAME}"
FILE = "images/my own.raw.zst"
ENVIRONMENT = {"name": "metal", "talos": RELEASE, "bootAsset": NAME}
CONTENT = b"a disk image " * 4096


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """The stack file's folder, with a file of the author's own."""
    folder = tmp_path / "stacks"
    (folder / "images").mkdir(parents=True)
    (folder / FILE).write_bytes(CONTENT)
    return folder


@pytest.fixture
def own_site(make_site: MakeSite) -> Site:
    """A site that boots a file of its author's own."""
    return make_site(environments=[{**ENVIRONMENT, "bootAssetFile": FILE}])


def fetch(site: Site, lock: Lock, store: Store, beside: Path | None) -> None:
    """Fetch the boot assets alone."""
    with open_upstream(site, beside=beside, retry=IMPATIENT) as (registries, releases):
        assets = lock.model_copy(update={"images": {}})
        fetch_site(assets, registries=registries, releases=releases, store=store)


def test_a_releases_disk_image_is_held_to_its_sums(make_site: MakeSite, upstream: Upstream) -> None:
    environments = [
        ENVIRONMENT,
        {"name": "arm", "talos": RELEASE, "architecture": "arm64", "bootAsset": "metal-arm64.iso"},
    ]
    site = make_site(environments=environments, architectures=["amd64", "arm64"])
    lock = resolve(site).lock
    for name in (NAME, "metal-arm64.iso", "vmlinuz-arm64", "initramfs-arm64.xz"):
        data = upstream.releases.release(RELEASE).find(name)
        assert data is not None
        pin = lock.assets[f"{RELEASE}/{name}"]
        assert pin.sha512 == "sha512:" + hashlib.sha512(data).hexdigest()
        assert pin.url.endswith(f"/releases/download/{RELEASE}/{name}")


def test_what_the_release_does_not_have_is_an_error(make_site: MakeSite) -> None:
    """Releases have `.raw.zst` since v1.8 (facts: traps, 1)."""
    site = make_site(environments=[{**ENVIRONMENT, "bootAsset": "metal-amd64.raw.xz"}])
    with pytest.raises(TransferError) as raised:
        resolve(site)
    assert "metal-amd64.raw.xz" in raised.value.diagnostics()


def test_a_file_of_ones_own_is_pinned_as_it_is(own_site: Site, beside: Path) -> None:
    pin = resolve(own_site, beside=beside).lock.assets[KEY]
    assert pin.sha256 == "sha256:" + hashlib.sha256(CONTENT).hexdigest()
    assert pin.sha512 == "sha512:" + hashlib.sha512(CONTENT).hexdigest()
    assert pin.size == len(CONTENT)
    assert pin.url == "file:images/my%20own.raw.zst"
    assert pin.needed_by == ("environment metal",)


def test_the_pin_follows_the_file_and_stays_where_it_is_not_at_hand(
    own_site: Site, beside: Path, tmp_path: Path
) -> None:
    first = resolve(own_site, beside=beside).lock
    (beside / FILE).write_bytes(b"another")
    second = resolve(own_site, first, beside=beside).lock
    assert second.assets[KEY].sha256 == "sha256:" + hashlib.sha256(b"another").hexdigest()
    elsewhere = resolve(own_site, second, beside=tmp_path)
    assert elsewhere.lock == second
    assert [note.subject for note in elsewhere.notes] == [KEY]
    with pytest.raises(TransferError, match="No such file"):
        resolve(own_site, beside=tmp_path)


def test_the_releases_file_in_place_of_ones_own_is_resolved_anew(
    own_site: Site, make_site: MakeSite, beside: Path
) -> None:
    first = resolve(own_site, beside=beside).lock
    after = resolve(make_site(environments=[ENVIRONMENT]), first, beside=beside).lock
    assert after.assets[KEY].url.startswith("https://github.com/")
    assert after.assets[KEY].sha256 != first.assets[KEY].sha256


def test_a_lock_without_the_boot_asset_does_not_fit(
    own_site: Site, make_site: MakeSite, beside: Path
) -> None:
    lock = resolve(own_site, beside=beside).lock
    check_lock(own_site, lock)
    for site in (make_site(), make_site(environments=[ENVIRONMENT])):
        with pytest.raises(LockError, match=r"environments\.metal"):
            check_lock(site, lock)


def test_fetch_brings_the_file_into_the_store(own_site: Site, beside: Path, tmp_path: Path) -> None:
    lock = resolve(own_site, beside=beside).lock
    store = Store.open(tmp_path / "store", create=True)
    fetch(own_site, lock, store, beside)
    stored = store.assets()[KEY]
    assert store.blob_path(stored.sha256).read_bytes() == CONTENT
    assert stored.origin == "file:images/my%20own.raw.zst"
    (beside / FILE).unlink()
    fetch(own_site, lock, store, beside)  # it is there: nobody reads the file


@pytest.mark.parametrize("changed", [CONTENT + b"!", CONTENT[:-1] + b"!"])
def test_a_file_that_changed_since_is_not_published(
    own_site: Site, beside: Path, tmp_path: Path, changed: bytes
) -> None:
    lock = resolve(own_site, beside=beside).lock
    (beside / FILE).write_bytes(changed)
    store = Store.open(tmp_path / "store", create=True)
    with pytest.raises(TransferError) as raised:
        fetch(own_site, lock, store, beside)
    [(name, error)] = raised.value.failures
    assert name == KEY
    assert isinstance(error, IntegrityError)
    assert KEY not in store.assets()


def test_a_file_that_is_not_at_hand_is_said(own_site: Site, beside: Path, tmp_path: Path) -> None:
    lock = resolve(own_site, beside=beside).lock
    store = Store.open(tmp_path / "store", create=True)
    for folder in (None, tmp_path):
        with pytest.raises(TransferError) as raised:
            fetch(own_site, lock, store, folder)
        [(_, error)] = raised.value.failures
        assert isinstance(error, UpstreamError)


def test_every_environment_names_what_it_boots(make_site: MakeSite) -> None:
    wants = find_assets(make_site(environments=[{**ENVIRONMENT, "bootAssetFile": FILE}]))
    assert {key: want.file for key, want in wants.items()} == {
        KEY: FILE,
        f"{RELEASE}/vmlinuz-amd64": "",
        f"{RELEASE}/initramfs-amd64.xz": "",
    }
