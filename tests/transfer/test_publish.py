"""Store → asset mirror: the plan's layout, content-addressed paths, checksums, read back."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap.errors import TransferError
from airgap.net import Pace, Schedule, Traffic
from airgap.net.origins import Origins
from airgap.oci.registries import Registries
from airgap.store import Store
from airgap.transfer.destination import AssetItem, MirrorDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.observe import observe_assets
from airgap.transfer.prune import remove_assets
from airgap.transfer.publish import check_served, publish_assets
from airgap.transfer.wanted import assets_of
from lab.faults import Effect
from lab.tls import Authority
from tests.net.clock import Clock
from tests.transfer.conftest import IMPATIENT, VERSION, Upstream
from tests.web_directory import WebDirectory

KERNEL = f"{VERSION}/vmlinuz-amd64"
INITRAMFS = f"{VERSION}/initramfs-amd64.xz"


class Mirror:
    """A site's asset mirror with what it takes to publish to it."""

    def __init__(self, server: WebDirectory, store: Store, ca: str | None = None) -> None:
        self.server = server
        self.store = store
        self.root = server.directory
        self.destination = MirrorDestination(
            kind="directory", url=server.mirror_url, path=str(server.directory), ca=ca
        )
        self.ledger = Ledger(ledger_root(store.root), self.destination.identity)

    def publish(
        self,
        items: tuple[AssetItem, ...],
        set_name: str = "talos",
        traffic: Traffic | None = None,
    ) -> tuple[int, int]:
        done = publish_assets(
            self.store,
            self.destination,
            set_name,
            items,
            self.ledger,
            retry=IMPATIENT,
            traffic=traffic,
        )
        return done.present, done.published

    def read_whole(self) -> list[str]:
        """Return the paths below the version that were read, but for the lists; and forget all."""
        paths = [
            exchange.path.partition(f"/{VERSION}/")[2]
            for exchange in self.server.requests.select(method="GET")
            if not exchange.path.endswith("checksums.txt")
        ]
        self.server.requests.clear()
        return sorted(paths)

    def faults(self, items: tuple[AssetItem, ...], *, quick: bool = False) -> dict[str, str]:
        return observe_assets(self.destination, items, self.ledger, quick=quick)


@pytest.fixture
def full_store(upstream: Upstream, registries: Registries, origins: Origins, store: Store) -> Store:
    fetch_site(upstream.lock(), registries=registries, releases=origins, store=store)
    return store


@pytest.fixture
def items(upstream: Upstream) -> tuple[AssetItem, ...]:
    return assets_of([upstream.lock()])


@pytest.fixture
def mirror(full_store: Store, tmp_path: Path) -> Iterator[Mirror]:
    with WebDirectory(tmp_path / "www") as server:
        yield Mirror(server, full_store)
    assert server.crashes == []


def overwrite(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def test_assets_lie_in_the_plan_layout_and_at_content_addressed_paths(
    mirror: Mirror, items: tuple[AssetItem, ...], upstream: Upstream
) -> None:
    assert mirror.publish(items) == (0, 2)
    for name in ("vmlinuz-amd64", "initramfs-amd64.xz"):
        data = upstream.asset(name)
        digits = hashlib.sha512(data).hexdigest()[:16]
        for path in (f"{VERSION}/{name}", f"{VERSION}/{digits}/{name}"):
            assert (mirror.root / path).read_bytes() == data
            assert (mirror.root / path).stat().st_mode & 0o777 == 0o444
    assert set(mirror.ledger.items().values()) == {"made"}


def test_checksums_satisfy_sha512sum(mirror: Mirror, items: tuple[AssetItem, ...]) -> None:
    mirror.publish(items)
    done = subprocess.run(
        ["sha512sum", "--strict", "--check", "checksums.txt"],
        cwd=mirror.root / VERSION,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"initramfs-amd64.xz: OK\nvmlinuz-amd64: OK\n"


def test_sets_that_share_a_version_share_its_checksums(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    by_name = {item.name: item for item in items}
    mirror.publish((by_name[KERNEL],), "one")
    mirror.publish((by_name[INITRAMFS],), "two")
    lines = (mirror.root / VERSION / "checksums.txt").read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["initramfs-amd64.xz", "vmlinuz-amd64"]


def test_second_publication_writes_nothing(mirror: Mirror, items: tuple[AssetItem, ...]) -> None:
    mirror.publish(items)
    before = {path: path.stat().st_mtime_ns for path in mirror.root.rglob("*")}
    assert mirror.publish(items) == (2, 0)
    assert {path: path.stat().st_mtime_ns for path in mirror.root.rglob("*")} == before


def paths_of(items: tuple[AssetItem, ...], *names: str) -> list[str]:
    return sorted(
        path.partition("/")[2] for item in items for path in item.paths if item.name in names
    )


def test_second_publication_reads_no_asset_back(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    mirror.publish(items)
    assert mirror.read_whole() == paths_of(items, KERNEL, INITRAMFS)
    traffic = Traffic()
    mirror.publish(items, traffic=traffic)
    asked = mirror.server.requests.select(method="HEAD")
    heads = sorted(exchange.path.partition(f"/{VERSION}/")[2] for exchange in asked)
    assert heads == paths_of(items, KERNEL, INITRAMFS)
    assert mirror.read_whole() == []
    assert traffic.counts.received_bytes < 4096, "the lists alone"


def test_repaired_and_new_assets_are_read_back_and_no_others(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    by_name = {item.name: item for item in items}
    mirror.publish((by_name[KERNEL],))
    mirror.read_whole()
    mirror.publish(items)
    assert mirror.read_whole() == paths_of(items, INITRAMFS)
    (mirror.root / KERNEL).unlink()
    mirror.publish(items)
    assert mirror.read_whole() == paths_of(items, KERNEL)


def test_asset_whose_reading_back_failed_is_read_back_by_the_next_run(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    """Published is not proved: DESIGN 7, "After publishing, an asset is read back"."""
    mirror.server.faults.add("/vmlinuz-amd64", times=None, flip_byte=10)
    with pytest.raises(TransferError):
        mirror.publish(items)
    mirror.read_whole()
    with pytest.raises(TransferError, match="published was sha512:"):
        mirror.publish(items)  # it brings nothing any more
    mirror.server.faults.clear()
    mirror.read_whole()
    assert mirror.publish(items) == (2, 0)
    assert mirror.read_whole() == paths_of(items, KERNEL, INITRAMFS)


@pytest.mark.parametrize(
    ("strike", "told"),
    [
        ({"status": 404}, "serves nothing"),
        ({"status": 200, "body": b"another"}, "serves 7 bytes"),
        ({"status": 200, "headers": {"Content-Type": "text/html"}}, "HTML page"),
    ],
    ids=["nothing", "another-size", "login-page"],
)
def test_what_is_only_asked_for_has_to_be_there(
    mirror: Mirror, items: tuple[AssetItem, ...], strike: Effect, told: str
) -> None:
    mirror.publish(items)
    mirror.server.faults.add("/vmlinuz-amd64", method="HEAD", times=None, **strike)
    with pytest.raises(TransferError, match=told) as caught:
        mirror.publish(items)
    assert [item for item, _ in caught.value.failures] == [KERNEL]


def test_server_that_does_not_answer_to_head_is_read(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    mirror.publish(items)
    mirror.read_whole()
    mirror.server.faults.add("/", method="HEAD", times=None, status=405)
    assert mirror.publish(items) == (2, 0)
    assert mirror.read_whole() == paths_of(items, KERNEL, INITRAMFS)


def test_server_that_is_busy_when_asked_is_asked_again(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    mirror.publish(items)
    mirror.server.faults.add("/vmlinuz-amd64", method="HEAD", times=2, status=503)
    traffic = Traffic()
    assert mirror.publish(items, traffic=traffic) == (2, 0)
    assert traffic.counts.retries == 2


def test_reading_back_counts_for_the_run_and_keeps_to_its_limits(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    clock = Clock()
    rate = 100_000.0
    pace = Pace(
        Schedule(((None, None, rate),)),
        monotonic=clock.monotonic,
        wall=clock.wall,
        sleep=clock.sleep,
    )
    traffic = Traffic(pace=pace, most_per_host=1, clock=clock.monotonic, sleep=clock.sleep)
    mirror.publish(items, traffic=traffic)
    assets = 2 * sum(item.size for item in items)  # both paths of each
    assert assets <= traffic.counts.received_bytes < assets + 4096
    assert clock.now == pytest.approx(traffic.counts.received_bytes / rate, rel=0.05)


def test_looking_at_a_served_mirror_counts_for_the_run(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    mirror.publish(items)
    served = MirrorDestination(kind="embedded", url=mirror.destination.url)
    traffic = Traffic()
    found = observe_assets(served, items, mirror.ledger, traffic=traffic)
    assert found == {KERNEL: "", INITRAMFS: ""}
    assert traffic.counts.received_bytes == 2 * sum(item.size for item in items)
    traffic = Traffic()
    check_served(served, items, traffic=traffic)
    assert traffic.counts.received_bytes >= 2 * sum(item.size for item in items)


def test_url_that_serves_another_directory_is_an_error(
    mirror: Mirror, items: tuple[AssetItem, ...], tmp_path: Path
) -> None:
    mirror.server.directory = tmp_path / "elsewhere"
    with pytest.raises(TransferError, match="serves nothing") as caught:
        mirror.publish(items)
    assert str(mirror.root) in caught.value.diagnostics()
    assert mirror.ledger.named() == set()


def test_url_that_serves_other_bytes_is_an_error(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    mirror.server.faults.add("/vmlinuz-amd64", times=None, flip_byte=10)
    with pytest.raises(TransferError, match="published was sha512:") as caught:
        mirror.publish(items)
    assert [item for item, _ in caught.value.failures] == [KERNEL]


def test_login_page_in_front_of_the_mirror_is_named(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    mirror.server.faults.add_login_page("/", times=None)
    with pytest.raises(TransferError, match="HTML page"):
        mirror.publish(items)


def test_read_back_trusts_the_authority_of_the_site(
    full_store: Store, items: tuple[AssetItem, ...], tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "ca")
    with WebDirectory(tmp_path / "www", certificate=authority.issue()) as server:
        with pytest.raises(TransferError, match="not trusted"):
            Mirror(server, full_store).publish(items)
        assert Mirror(server, full_store, authority.ca_file.read_text()).publish(items) == (2, 0)


def test_somebody_elses_file_is_left_alone(mirror: Mirror, items: tuple[AssetItem, ...]) -> None:
    path = mirror.root / KERNEL
    path.parent.mkdir(parents=True)
    path.write_bytes(b"theirs")
    with pytest.raises(TransferError, match="did not publish it") as caught:
        mirror.publish(items)
    assert [item for item, _ in caught.value.failures] == [KERNEL]
    assert path.read_bytes() == b"theirs"
    assert (mirror.root / INITRAMFS).is_file()


def test_what_was_there_is_found_and_never_removed(
    mirror: Mirror, items: tuple[AssetItem, ...], upstream: Upstream
) -> None:
    path = mirror.root / KERNEL
    path.parent.mkdir(parents=True)
    path.write_bytes(upstream.asset("vmlinuz-amd64"))
    mirror.publish(items)
    remove_assets(mirror.destination, mirror.ledger, mirror.ledger.release("talos"))
    left = sorted(str(p.relative_to(mirror.root)) for p in mirror.root.rglob("*") if p.is_file())
    assert left == [f"{VERSION}/checksums.txt", KERNEL]
    assert "vmlinuz-amd64" in (mirror.root / VERSION / "checksums.txt").read_text()
    assert "initramfs" not in (mirror.root / VERSION / "checksums.txt").read_text()


def test_removal_leaves_an_empty_directory(mirror: Mirror, items: tuple[AssetItem, ...]) -> None:
    mirror.publish(items)
    remove_assets(mirror.destination, mirror.ledger, mirror.ledger.release("talos"))
    assert list(mirror.root.iterdir()) == []
    assert mirror.ledger.items() == {}


def test_changed_file_is_not_removed(mirror: Mirror, items: tuple[AssetItem, ...]) -> None:
    mirror.publish(items)
    overwrite(mirror.root / KERNEL, b"somebody's work")
    gone = mirror.ledger.release("talos")
    told = {r.item: r.outcome for r in remove_assets(mirror.destination, mirror.ledger, gone)}
    assert told[KERNEL] == "changed"
    assert (mirror.root / KERNEL).read_bytes() == b"somebody's work"


def test_damage_is_found_and_the_next_publication_repairs_just_that(
    mirror: Mirror, items: tuple[AssetItem, ...], upstream: Upstream
) -> None:
    mirror.publish(items)
    data = upstream.asset("vmlinuz-amd64")
    flipped = bytes([data[0] ^ 1]) + data[1:]
    for damage, told in (
        (lambda path: path.unlink(), "missing"),
        (lambda path: overwrite(path, data[:1000]), "truncated to 1000 bytes"),
        (lambda path: overwrite(path, flipped), f"sha256:{hashlib.sha256(flipped).hexdigest()}"),
    ):
        damage(mirror.root / KERNEL)
        assert mirror.faults(items) == {KERNEL: told, INITRAMFS: ""}
        assert mirror.publish(items) == (1, 1)
        assert mirror.faults(items) == {KERNEL: "", INITRAMFS: ""}


def test_damage_at_the_content_addressed_path_is_found(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    mirror.publish(items)
    kernel = next(item for item in items if item.name == KERNEL)
    (mirror.root / kernel.content_path).unlink()
    assert mirror.faults(items)[KERNEL] == f"missing at {kernel.content_path}"


def test_overwritten_plain_file_does_not_reach_the_store(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    """`wget -O` truncates and writes into what a hard link would share."""
    mirror.publish(items)
    overwrite(mirror.root / KERNEL, b"x")
    assert mirror.store.verify() == ()


def test_quick_look_trusts_unchanged_files_only(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    mirror.publish(items)
    assert mirror.faults(items, quick=True) == {KERNEL: "", INITRAMFS: ""}
    path = mirror.root / KERNEL
    overwrite(path, b"x" * path.stat().st_size)
    assert mirror.faults(items, quick=True)[KERNEL].startswith("sha256:")


def test_next_publication_mends_directories_that_the_server_cannot_read(
    mirror: Mirror, items: tuple[AssetItem, ...]
) -> None:
    before = os.umask(0o077)
    try:
        mirror.publish(items)
        made = [path for path in mirror.root.rglob("*") if path.is_dir()]
        assert {path.stat().st_mode & 0o777 for path in made} == {0o755}
        for path in made:
            path.chmod(0o700)  # as a version before this one made them
        mirror.publish(items)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in made} == {0o755}
