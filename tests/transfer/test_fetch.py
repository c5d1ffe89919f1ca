"""Filling the store from a lock: complete, verified, each digest once, nothing twice."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from airgap.digest import Digest
from airgap.errors import PublishError, TransferError
from airgap.lock.model import Lock
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.progress import Event, Report
from airgap.store import Store
from airgap.transfer.fetch import fetch_site
from tests.practice_images import digest_of
from tests.transfer.conftest import SHARED, VERSION, Upstream

PAUSE = "registry.k8s.io/pause:3.10"
ETCD = "registry.k8s.io/etcd:3.6.5"
KUBELET = "ghcr.io/siderolabs/kubelet:v1.34.1"


def test_clean_up_in_mid_fetch_takes_nothing_that_came(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store
) -> None:
    """An image is named at its end; what no lock of this machine's names was garbage until then."""
    told: list[str] = []

    def collect() -> None:
        try:
            Store(store.root).retain(())
        except PublishError as error:
            told.append(error.message)

    largest = max(upstream.images["registry.k8s.io/etcd:3.6.5"].blobs, key=len)
    upstream.registry.faults.add(f"/blobs/{digest_of(largest)}", times=1, then=collect)
    lock = upstream.lock()
    fetch_site(lock, registries=registries, releases=origins, store=store, workers=1)
    (message,) = told
    assert "being brought into it" in message
    assert set(store.names()) == set(lock.images)
    assert store.verify() == ()


def test_everything_of_the_lock_is_in_the_store(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store
) -> None:
    lock = upstream.lock()
    events: list[Report] = []
    done = fetch_site(
        lock, registries=registries, releases=origins, store=store, progress=events.append
    )
    assert {name: str(found.digest) for name, found in store.names().items()} == {
        key: image.digest for key, image in upstream.images.items()
    }
    for image in upstream.images.values():
        reached = {str(part.digest) for part in store.reachable(Digest.parse(image.digest))}
        contents = (image.index, *image.children, *image.blobs)
        assert reached == {digest_of(data) for data in contents}
        for data in contents:
            assert store.blob_path(Digest.parse(digest_of(data))).read_bytes() == data
    for key, pin in lock.assets.items():
        data = upstream.asset(key.partition("/")[2])
        assert store.blob_path(Digest.parse(pin.sha256)).read_bytes() == data
        assert str(store.assets()[key].sha512) == pin.sha512
    assert store.verify() == ()
    assert (done.images, done.assets, done.present) == (3, 2, 0)
    moved = sum(event.size for event in events if isinstance(event, Event))
    assert moved == done.moved_bytes


def test_shared_blob_is_asked_for_once(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store
) -> None:
    fetch_site(upstream.lock(), registries=registries, releases=origins, store=store)
    asked = [exchange.path for exchange in upstream.registry.requests if "/blobs/" in exchange.path]
    assert len([path for path in asked if path.endswith(digest_of(SHARED))]) == 1
    assert len(asked) == len({path.rpartition("/")[2] for path in asked})


def test_largest_blob_goes_first(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store
) -> None:
    fetch_site(upstream.lock(), registries=registries, releases=origins, store=store, workers=1)
    sizes = [e.sent_bytes for e in upstream.registry.requests.select(path="/blobs/")]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 900_000


def test_second_run_asks_nobody(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store
) -> None:
    fetch_site(upstream.lock(), registries=registries, releases=origins, store=store)
    upstream.registry.requests.clear()
    upstream.releases.requests.clear()
    done = fetch_site(upstream.lock(), registries=registries, releases=origins, store=store)
    assert len(upstream.registry.requests) == 0
    assert len(upstream.releases.requests) == 0
    assert (done.present, done.moved_bytes) == (5, 0)


def test_only_what_is_missing_is_fetched_again(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store
) -> None:
    fetch_site(upstream.lock(), registries=registries, releases=origins, store=store)
    layer = digest_of(upstream.images[KUBELET].blobs[1])
    store.blob_path(Digest.parse(layer)).unlink()
    upstream.registry.requests.clear()
    fetch_site(upstream.lock(), registries=registries, releases=origins, store=store)
    assert [e.path.rpartition("/")[2] for e in upstream.registry.requests] == [layer]
    assert store.verify() == ()


def test_bad_blob_is_repaired_with_rehash(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store
) -> None:
    fetch_site(upstream.lock(), registries=registries, releases=origins, store=store)
    for data in (upstream.images[KUBELET].blobs[1], upstream.images[ETCD].index):
        path = store.blob_path(Digest.parse(digest_of(data)))
        path.chmod(0o644)
        path.write_bytes(b"x" + data[1:])
    fetch_site(upstream.lock(), registries=registries, releases=origins, store=store, rehash=True)
    assert store.verify() == ()


def test_failed_items_are_all_named_and_the_others_done(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store
) -> None:
    upstream.registry.faults.add("registry.k8s.io/etcd/manifests", times=None, status=404)
    upstream.registry.faults.add("kubelet/blobs", times=None, status=403)
    upstream.releases.faults.add("initramfs-amd64.xz", times=None, status=404)
    with pytest.raises(TransferError) as caught:
        fetch_site(upstream.lock(), registries=registries, releases=origins, store=store)
    assert [item for item, _ in caught.value.failures] == [
        ETCD,
        KUBELET,
        f"{VERSION}/initramfs-amd64.xz",
    ]
    assert list(store.names()) == [PAUSE]
    assert list(store.assets()) == [f"{VERSION}/vmlinuz-amd64"]


def test_truncated_blob_is_never_published(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store
) -> None:
    upstream.registry.faults.add("kubelet/blobs", times=None, truncate_to=5)
    with pytest.raises(TransferError):
        fetch_site(upstream.lock(), registries=registries, releases=origins, store=store)
    for data in upstream.images[KUBELET].blobs:
        assert not store.has(Digest.parse(digest_of(data)))


def test_asset_with_other_bytes_is_refused(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store
) -> None:
    lock = upstream.lock()
    upstream.releases.faults.add("/github-production-release-asset/", times=None, flip_byte=1000)
    with pytest.raises(TransferError, match="expected sha512:"):
        fetch_site(lock, registries=registries, releases=origins, store=store)
    assert store.assets() == {}
    assert not any(store.has(Digest.parse(pin.sha256)) for pin in lock.assets.values())


def test_moved_tag_does_not_matter(
    upstream: Upstream, registries: Registries, origins: Origins, store: Store
) -> None:
    """The lock's digest is fetched, wherever the tag points by now."""
    lock = upstream.lock()
    etcd = upstream.images[ETCD]
    upstream.registry.content.tag("registry.k8s.io/etcd", "3.6.5", digest_of(etcd.children[0]))
    fetch_site(lock, registries=registries, releases=origins, store=store)
    assert str(store.names()[ETCD].digest) == etcd.digest


PROGRAM = """
import sys
from pathlib import Path
from airgap.lock.model import Lock
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.store import Store
from airgap.transfer.fetch import fetch_site
from tests.transfer.conftest import At

root, lock, registry, releases = sys.argv[1:]
redirects = {host: At(f"{registry}/{host}") for host in ("registry.k8s.io", "ghcr.io")}
with Registries(redirects) as registries, Origins({"https://github.com": At(releases)}) as origins:
    fetch_site(
        Lock.model_validate_json(Path(lock).read_bytes()),
        registries=registries,
        releases=origins,
        store=Store.open(Path(root), create=True),
        workers=2,
    )
"""


def start_fetch(upstream: Upstream, lock: Lock, tmp_path: Path) -> subprocess.Popen[bytes]:
    lock_file = tmp_path / "lock.json"
    lock_file.write_text(lock.model_dump_json(by_alias=True))
    arguments = [str(tmp_path / "store"), str(lock_file)]
    urls = [upstream.registry.url, upstream.releases.url]
    return subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments, *urls])


@pytest.mark.parametrize("requests", [1, 4, 7, 10, 13, 16])
def test_killed_fetch_shows_no_partial_file_and_completes_when_run_again(
    upstream: Upstream,
    registries: Registries,
    origins: Origins,
    tmp_path: Path,
    requests: int,
) -> None:
    """kill -9 while the upstream has answered so many requests."""
    lock = upstream.lock()
    for simulator in (upstream.registry, upstream.releases):
        simulator.faults.add("/", times=None, delay_s=0.03)
    process = start_fetch(upstream, lock, tmp_path)
    deadline = time.monotonic() + 120
    while len(upstream.registry.requests) < requests and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    blobs = tmp_path / "store" / "blobs" / "sha256"
    for path in blobs.iterdir() if blobs.is_dir() else ():
        assert digest_of(path.read_bytes()) == f"sha256:{path.name}"
    if (tmp_path / "store" / "oci-layout").exists():
        assert Store.open(tmp_path / "store").verify() == ()
    kept = {path.name for path in blobs.iterdir()} if blobs.is_dir() else set()
    for simulator in (upstream.registry, upstream.releases):
        simulator.faults.clear()
        simulator.requests.clear()
    store = Store.open(tmp_path / "store", create=True)
    fetch_site(lock, registries=registries, releases=origins, store=store)
    assert set(store.names()) == set(lock.images)
    assert set(store.assets()) == set(lock.assets)
    assert store.verify() == ()
    again = {e.path.rpartition(":")[2] for e in upstream.registry.requests}
    assert not again & kept, "what was complete is not fetched again"
