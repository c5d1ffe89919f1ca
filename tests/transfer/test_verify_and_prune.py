"""The whole site: everything re-hashed, and what nothing names removed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from airgap.digest import Digest
from airgap.errors import TransferError
from airgap.lock.model import Lock
from airgap.net import Traffic
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.site.model import AssetMirror, Endpoint, Sidero, Site, Talos
from airgap.site.model import Registry as SiteRegistry
from airgap.site.transfer import Transfer
from airgap.store import Store
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.prune import prune_site
from airgap.transfer.publish import publish_assets
from airgap.transfer.push import connect, push_images
from airgap.transfer.verify import verify_site
from airgap.transfer.wanted import assets_of, images_of, mirror_of, registry_of
from lab.registry import Registry
from tests.practice_images import digest_of
from tests.transfer.conftest import SHARED, VERSION, Upstream
from tests.web_directory import WebDirectory


@dataclass
class Whole:
    """A site with everything of its lock in place."""

    site: Site
    lock: Lock
    store: Store
    registry: Registry
    web: WebDirectory

    def problems(self) -> list[str]:
        found = verify_site(self.site, self.lock, store_root=self.store.root)
        return [str(problem) for problem in found]

    def publish(self, lock: Lock, suffix: str = "") -> None:
        place, mirror = registry_of(self.site), mirror_of(self.site)
        with connect(place) as client:
            ledger = Ledger(ledger_root(self.store.root), place.identity)
            push_images(self.store, client, place, f"all{suffix}", images_of([lock]), ledger)
        ledger = Ledger(ledger_root(self.store.root), mirror.identity)
        publish_assets(self.store, mirror, f"talos{suffix}", assets_of([lock]), ledger)

    def holds(self, key: str) -> bool:
        repository, _, tag = key.rpartition(":")
        return self.registry.content.find(repository, tag) is not None


@pytest.fixture
def whole(
    upstream: Upstream,
    registries: Registries,
    origins: Origins,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Whole]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    lock = upstream.lock()
    fetch_site(lock, registries=registries, releases=origins, store=store)
    with Registry(deletes=True) as registry, WebDirectory(tmp_path / "www") as web:
        site = Site(
            schema_version=1,
            talos=Talos(versions=(VERSION,)),
            registry=SiteRegistry(kind="existing", endpoints=(Endpoint(url=registry.url),)),
            asset_mirror=AssetMirror(kind="directory", url=web.mirror_url, path=str(web.directory)),
            sidero=Sidero(version="v0.6.13"),
        )
        found = Whole(site, lock, store, registry, web)
        found.publish(lock)
        yield found


def without(lock: Lock, *keys: str) -> Lock:
    return lock.model_copy(
        update={
            "images": {key: pin for key, pin in lock.images.items() if key not in keys},
            "assets": {key: pin for key, pin in lock.assets.items() if key not in keys},
        }
    )


def test_all_that_is_asked_and_read_counts_for_the_run(whole: Whole) -> None:
    root = whole.store.root
    for server in (whole.registry, whole.web):
        server.requests.clear()
    traffic = Traffic()
    assert verify_site(whole.site, whole.lock, store_root=root, traffic=traffic) == ()
    servers = (whole.registry.requests, whole.web.requests)
    assert traffic.counts.requests == sum(map(len, servers)) > 0
    assert traffic.counts.received_bytes == sum(each.sent_bytes for each in servers)
    whole.publish(without(whole.lock, "registry.k8s.io/pause:3.10"))
    whole.registry.requests.clear()
    traffic = Traffic()
    assert prune_site(whole.site, keep=[], store_root=root, traffic=traffic) != ()
    assert traffic.counts.requests == len(whole.registry.requests) > 0


@pytest.mark.parametrize("what", ["verify", "prune"])
def test_without_a_run_the_limits_of_the_site_hold(
    whole: Whole, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Traffic] = []

    def make(transfer: Transfer) -> Traffic:
        assert transfer == whole.site.transfer
        made.append(Traffic())
        return made[-1]

    monkeypatch.setattr(f"airgap.transfer.{what}.site_traffic", make)
    root = whole.store.root
    whole.publish(without(whole.lock, "registry.k8s.io/pause:3.10"))
    if what == "verify":
        verify_site(whole.site, whole.lock, store_root=root)
    else:
        prune_site(whole.site, keep=[], store_root=root)
    (traffic,) = made
    assert traffic.counts.requests > 0


def test_sound_site_has_no_problems(whole: Whole) -> None:
    assert whole.problems() == []


def test_each_place_is_looked_at(whole: Whole) -> None:
    stored = whole.store.blob_path(Digest.parse(digest_of(SHARED)))
    stored.chmod(0o644)
    stored.write_bytes(b"x" + SHARED[1:])
    whole.registry.content.pool.corrupt(digest_of(SHARED))
    (whole.web.directory / VERSION / "vmlinuz-amd64").unlink()
    store, registry, mirror = whole.problems()
    assert store.startswith("store: registry.k8s.io/")
    assert digest_of(SHARED) in store
    assert registry.startswith(f"registry: {digest_of(SHARED)}")
    assert mirror == f"mirror: {VERSION}/vmlinuz-amd64: missing"


def test_missing_and_moved_images_are_told(whole: Whole) -> None:
    whole.registry.content.untag("registry.k8s.io/pause", "3.10")
    etcd = whole.registry.content.find("registry.k8s.io/etcd", "3.6.5")
    assert etcd is not None
    child = str(etcd.children[0].digest)
    whole.registry.content.tag("registry.k8s.io/etcd", "3.6.5", child)
    assert whole.problems() == [
        "registry: registry.k8s.io/pause:3.10: missing",
        f"registry: registry.k8s.io/etcd:3.6.5: has {child}, expected {etcd.digest}",
    ]


def test_blob_missing_inside_the_registry_is_told(whole: Whole) -> None:
    """A present manifest does not prove present blobs; only reading them does."""
    whole.registry.content.remove_blob("registry.k8s.io/etcd", digest_of(SHARED))
    (problem,) = whole.problems()
    assert digest_of(SHARED) in problem


def test_mirror_whose_url_serves_something_else_is_told(whole: Whole, tmp_path: Path) -> None:
    whole.web.directory = tmp_path / "elsewhere"
    assert [problem.partition(":")[0] for problem in whole.problems()] == ["mirror", "mirror"]


def test_unreachable_registry_is_no_finding_but_an_error(whole: Whole) -> None:
    whole.registry.faults.add("/", times=None, status=501)
    with pytest.raises(TransferError, match="501"):
        whole.problems()


def test_only_the_store_is_looked_at_when_asked(whole: Whole) -> None:
    whole.registry.faults.add("/", times=None, status=501)
    assert verify_site(whole.site, whole.lock, store_root=whole.store.root, places=["store"]) == ()


# Prune


def test_what_sets_or_locks_name_stays(whole: Whole) -> None:
    assert prune_site(whole.site, keep=[], store_root=whole.store.root) == ()


def test_released_items_stay_while_a_lock_names_them(whole: Whole) -> None:
    whole.publish(without(whole.lock, "registry.k8s.io/pause:3.10", f"{VERSION}/vmlinuz-amd64"))
    assert prune_site(whole.site, keep=[whole.lock], store_root=whole.store.root) == ()
    removals = prune_site(whole.site, keep=[], store_root=whole.store.root)
    assert [removal.outcome for removal in removals] == ["removed"] * 3
    assert not whole.holds("registry.k8s.io/pause:3.10")
    assert whole.holds("registry.k8s.io/etcd:3.6.5")
    left = sorted(
        path.name for path in (whole.web.directory / VERSION).rglob("*") if path.is_file()
    )
    assert left == ["checksums.txt", "initramfs-amd64.xz", "initramfs-amd64.xz"]
    smaller = without(whole.lock, "registry.k8s.io/pause:3.10", f"{VERSION}/vmlinuz-amd64")
    found = verify_site(
        whole.site, smaller, store_root=whole.store.root, places=["registry", "mirror"]
    )
    assert found == (), "nothing that stays was touched"


def test_items_of_another_set_stay(whole: Whole) -> None:
    whole.publish(whole.lock, "-again")
    whole.publish(without(whole.lock, *whole.lock.images, *whole.lock.assets))
    assert prune_site(whole.site, keep=[], store_root=whole.store.root) == ()


def test_dry_run_tells_and_removes_nothing(whole: Whole) -> None:
    whole.publish(without(whole.lock, *whole.lock.images, *whole.lock.assets))
    told = prune_site(whole.site, keep=[], store_root=whole.store.root, dry_run=True)
    assert {removal.outcome for removal in told} == {"would remove"}
    assert len(told) == 3 + 4, "each asset lies at two paths"
    assert whole.problems() == []
