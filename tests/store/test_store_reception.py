"""A reception: several writers, earlier runs, other processes, disks that refuse."""

from __future__ import annotations

import errno
import hashlib
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from airgap.digest import Digest
from airgap.errors import IntegrityError, PublishError
from airgap.oci.manifest import Descriptor
from airgap.store import Reception, Store
from airgap.store.disk import Disk
from airgap.store.reception import CHUNK_BYTES

MIB = 1024**2
SIZE = 2 * CHUNK_BYTES + 12_345
DATA = random.Random(7).randbytes(SIZE)  # noqa: S311 - repeatable, no secret
SHA256 = hashlib.sha256(DATA).hexdigest()
SHA512 = hashlib.sha512(DATA).hexdigest()
DESCRIPTOR = Descriptor(media_type="x", digest=Digest("sha256", SHA256), size=SIZE)
ROOT = Path(__file__).parents[2]


def send(reception: Reception, start: int, end: int, *, step: int = MIB) -> None:
    view = memoryview(DATA)
    for position in range(start, end, step):
        reception.write(position, view[position : min(position + step, end)])


def send_missing(reception: Reception) -> None:
    for start, end in reception.missing():
        send(reception, start, SIZE if end < 0 else end)


def break_off(store: Store, *spans: tuple[int, int], descriptor: Descriptor = DESCRIPTOR) -> None:
    """Receive some spans, then lose the connection."""
    with suppress(ConnectionResetError), store.receive(descriptor) as reception:
        for start, end in spans:
            send(reception, start, end)
        raise ConnectionResetError


def partial_names(store: Store) -> list[str]:
    return sorted(path.name for path in (store.root / ".partial").iterdir())


def assert_received(store: Store) -> None:
    assert hashlib.sha256(store.blob_path(DESCRIPTOR.digest).read_bytes()).hexdigest() == SHA256
    assert store.blob_path(DESCRIPTOR.digest).stat().st_mode & 0o777 == 0o444
    assert partial_names(store) == []


# Streams


@pytest.mark.parametrize("seed", range(4))
def test_writers_of_many_ranges_make_one_blob(store: Store, seed: int) -> None:
    spans = [(start, min(start + 300_000, SIZE)) for start in range(0, SIZE, 300_000)]
    random.Random(seed).shuffle(spans)  # noqa: S311 - repeatable, no secret
    with (
        store.receive(DESCRIPTOR, also_sha512=True) as reception,
        ThreadPoolExecutor(5) as pool,
    ):
        list(pool.map(lambda span: send(reception, *span, step=70_000), spans))
        assert reception.missing() == ()
        assert reception.digests.sha512 == Digest("sha512", SHA512)
    assert_received(store)


def test_missing_names_the_gaps_in_order(store: Store) -> None:
    with suppress(ConnectionResetError), store.receive(DESCRIPTOR) as reception:
        assert reception.missing() == ((0, SIZE),)
        send(reception, 3 * MIB, 4 * MIB)
        send(reception, 0, MIB)
        assert reception.missing() == ((MIB, 3 * MIB), (4 * MIB, SIZE))
        assert reception.received_bytes == 2 * MIB
        raise ConnectionResetError


def test_bytes_that_are_there_are_not_written_again(store: Store) -> None:
    with store.receive(DESCRIPTOR) as reception:
        send(reception, MIB, 2 * MIB)
        reception.write(MIB, bytes(MIB))  # other bytes, too late
        send(reception, 0, SIZE)
    assert_received(store)


def test_bytes_beyond_the_size_are_refused_and_nothing_stays(store: Store) -> None:
    with (
        pytest.raises(IntegrityError, match=f"more than the {SIZE} bytes"),
        store.receive(DESCRIPTOR) as reception,
    ):
        reception.write(SIZE - 1, b"ab")
    assert partial_names(store) == []


def test_blob_with_a_gap_is_never_published(store: Store) -> None:
    with pytest.raises(IntegrityError, match="1 of"), store.receive(DESCRIPTOR) as reception:
        send(reception, 0, SIZE - 1)
    assert not store.has(DESCRIPTOR.digest)


def test_threads_of_a_reception_end_with_it(store: Store) -> None:
    before = threading.active_count()
    with store.receive(DESCRIPTOR) as reception:
        send(reception, 0, SIZE)
    break_off(store, (0, SIZE))
    assert threading.active_count() == before


# Earlier runs


def test_broken_transfer_is_continued(store: Store) -> None:
    break_off(store, (0, 3 * MIB), (5 * MIB, 6 * MIB))
    assert not store.has(DESCRIPTOR.digest)
    with Store.open(store.root, create=True).receive(DESCRIPTOR) as reception:
        assert reception.resumed_bytes == 4 * MIB
        assert reception.missing() == ((3 * MIB, 5 * MIB), (6 * MIB, SIZE))
        send_missing(reception)
    assert_received(store)


def test_blob_that_lacks_nothing_is_published_without_a_byte(store: Store) -> None:
    break_off(store, (0, SIZE))
    with store.receive(DESCRIPTOR) as reception:
        assert reception.missing() == ()
    assert_received(store)


def test_validator_is_kept_for_the_next_run(store: Store) -> None:
    with suppress(ConnectionResetError), store.receive(DESCRIPTOR) as reception:
        assert reception.validator == ""
        reception.note(validator='"abc"')
        send(reception, 0, MIB)
        raise ConnectionResetError
    with store.receive(DESCRIPTOR) as reception:
        assert reception.validator == '"abc"'
        send_missing(reception)


def test_restart_drops_what_earlier_runs_had(store: Store) -> None:
    break_off(store, (0, 3 * MIB))
    with suppress(ConnectionResetError), store.receive(DESCRIPTOR) as reception:
        reception.note(validator='"abc"')
        reception.restart()
        assert (reception.resumed_bytes, reception.validator) == (0, "")
        assert reception.missing() == ((0, SIZE),)
        send(reception, MIB, 2 * MIB)
        raise ConnectionResetError
    with store.receive(DESCRIPTOR) as reception:
        assert reception.missing() == ((0, MIB), (2 * MIB, SIZE))
        send_missing(reception)
    assert_received(store)


def test_wrong_bytes_of_an_earlier_run_are_found_and_dropped(store: Store) -> None:
    with suppress(ConnectionResetError), store.receive(DESCRIPTOR) as reception:
        reception.write(0, bytes(3 * MIB))
        raise ConnectionResetError
    with pytest.raises(IntegrityError), store.receive(DESCRIPTOR) as reception:
        send_missing(reception)
    assert partial_names(store) == []
    with store.receive(DESCRIPTOR) as reception:
        assert reception.resumed_bytes == 0
        send_missing(reception)
    assert_received(store)


def test_asset_of_unknown_size_is_continued(store: Store) -> None:
    sha512 = Digest("sha512", SHA512)
    with (
        suppress(ConnectionResetError),
        store.receive_asset(sha512, max_bytes=2 * SIZE) as reception,
    ):
        assert reception.missing() == ((0, -1),)
        send(reception, 0, 3 * MIB)
        raise ConnectionResetError
    with store.receive_asset(sha512, max_bytes=2 * SIZE) as reception:
        assert reception.missing() == ((3 * MIB, -1),)
        send_missing(reception)
    assert_received(store)
    assert reception.digests.sha512 == sha512


def test_transfer_without_a_byte_leaves_nothing(store: Store) -> None:
    break_off(store)
    assert partial_names(store) == []


def test_cut_off_file_does_not_count(store: Store) -> None:
    """Somebody truncated it: what the journal says is not there."""
    break_off(store, (0, 3 * MIB))
    with (store.root / ".partial" / f"sha256-{SHA256}").open("r+b") as file:
        file.truncate(MIB)
    with store.receive(DESCRIPTOR) as reception:
        assert reception.resumed_bytes == 0
        send_missing(reception)
    assert_received(store)


# Others at the same blob


def test_second_receiver_of_a_blob_works_on_its_own(store: Store) -> None:
    with store.receive(DESCRIPTOR) as first:
        send(first, 0, MIB)
        with Store.open(store.root, create=True).receive(DESCRIPTOR) as second:
            assert second.missing() == ((0, SIZE),)
            send(second, 0, SIZE)
        assert store.has(DESCRIPTOR.digest)
        assert first.missing() == ((MIB, SIZE),)
        send_missing(first)
    assert_received(store)


HOLDER = """
import sys
from pathlib import Path
from tests.store.test_store_reception import DESCRIPTOR, send
from airgap.store import Store
with Store.open(Path(sys.argv[1])).receive(DESCRIPTOR) as reception:
    send(reception, 0, 2**20)
    print("holding", flush=True)
    sys.stdin.readline()
    send(reception, 2**20, reception.size)
"""


def test_another_process_at_the_same_blob_is_not_disturbed(store: Store) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store.root)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        ours = Store.open(store.root, create=True)
        assert ours.collect().partial_bytes == 0
        with ours.receive(DESCRIPTOR) as reception:
            assert reception.resumed_bytes == 0
            send_missing(reception)
        holder.communicate("go on\n")
        assert holder.returncode == 0
    assert_received(store)


def test_open_keeps_what_can_be_continued_and_collect_removes_it(store: Store) -> None:
    break_off(store, (0, 3 * MIB))
    again = Store.open(store.root, create=True)
    names = [f"sha256-{SHA256}", f"sha256-{SHA256}.journal"]
    assert partial_names(again) == names
    assert again.inventory().partial_bytes >= SIZE  # the room is taken from the first byte on
    would = again.collect(dry_run=True)
    assert partial_names(again) == names
    assert again.collect() == would
    assert would.partial_bytes >= SIZE
    assert partial_names(again) == []


def test_collect_removes_a_journal_without_its_file(store: Store) -> None:
    break_off(store, (0, 3 * MIB))
    (store.root / ".partial" / f"sha256-{SHA256}").unlink()
    store.collect()
    assert partial_names(store) == []


# Disks that refuse


class FailingDisk(Disk):
    """A disk whose calls of one name fail from the n-th on, while it is told so."""

    def __init__(self, call: str, code: int, *, after: int = 0) -> None:
        self.left = after
        self.fails = True
        self._call = call
        self._code = code

    def _meet(self, call: str) -> None:
        if self.fails and call == self._call:
            self.left -= 1
            if self.left < 0:
                raise OSError(self._code, "told to")

    def write(self, descriptor: int, data: memoryview, offset: int) -> None:
        if len(data) >= 4096:  # the blob's bytes, not the journal's
            self._meet("write")
        super().write(descriptor, data, offset)

    def reserve(self, descriptor: int, size: int) -> None:
        self._meet("reserve")
        super().reserve(descriptor, size)

    def sync(self, descriptor: int) -> None:
        self._meet("sync")
        super().sync(descriptor)

    def seal(self, descriptor: int) -> None:
        self._meet("seal")
        super().seal(descriptor)

    def rename(self, source: Path, destination: Path) -> None:
        self._meet("rename")
        super().rename(source, destination)


def receive_all(store: Store) -> None:
    with store.receive(DESCRIPTOR) as reception:
        send_missing(reception)


def test_full_disk_is_known_before_the_first_byte(store: Store) -> None:
    full = Store(store.root, FailingDisk("reserve", errno.ENOSPC))
    came = []
    with pytest.raises(PublishError) as caught, full.receive(DESCRIPTOR) as reception:
        came.append(reception)
    assert not came
    assert "free space" in caught.value.diagnostics()
    assert partial_names(store) == []


def test_full_disk_keeps_what_an_earlier_run_had(store: Store) -> None:
    break_off(store, (0, 3 * MIB))
    full = Store(store.root, FailingDisk("reserve", errno.ENOSPC))
    with pytest.raises(PublishError):
        receive_all(full)
    with store.receive(DESCRIPTOR) as reception:
        assert reception.resumed_bytes == 3 * MIB
        send_missing(reception)
    assert_received(store)


def test_disk_that_fills_up_keeps_what_it_took(store: Store) -> None:
    disk = FailingDisk("write", errno.ENOSPC, after=3)
    with pytest.raises(PublishError):
        receive_all(Store(store.root, disk))
    with store.receive(DESCRIPTOR) as reception:
        assert reception.resumed_bytes == 3 * MIB
        send_missing(reception)
    assert_received(store)


@pytest.mark.parametrize("call", ["write", "seal", "rename"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_refusing_disk_publishes_nothing_and_the_next_run_completes(
    store: Store, call: str, code: int
) -> None:
    disk = FailingDisk(call, code)
    with pytest.raises(PublishError):
        receive_all(Store(store.root, disk))
    assert not store.has(DESCRIPTOR.digest)
    disk.fails = False
    receive_all(Store(store.root, disk))
    assert_received(store)


def receive_until_synced(store: Store, disk: FailingDisk) -> None:
    with store.receive(DESCRIPTOR) as reception:
        send_missing(reception)
        while disk.left >= 0:  # the sync goes on beside the stream
            threading.Event().wait(0.001)


def test_bytes_whose_sync_failed_never_count(store: Store) -> None:
    """After a failed fsync Linux calls the pages clean: the next one succeeds, and lies."""
    disk = FailingDisk("sync", errno.EIO, after=1)  # the new journal's is the first
    with pytest.raises(PublishError):
        receive_until_synced(Store(store.root, disk), disk)
    assert not store.has(DESCRIPTOR.digest)
    with store.receive(DESCRIPTOR) as reception:
        assert reception.resumed_bytes == 0
        send_missing(reception)
    assert_received(store)


LIMITED = """
import resource, sys
from pathlib import Path
from tests.store.test_store_reception import DESCRIPTOR, SHA512, send_missing
from airgap.digest import Digest
from airgap.errors import PublishError
from airgap.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (3 * 2**20, 3 * 2**20))
store = Store.open(Path(sys.argv[1]))
known, unknown = DESCRIPTOR, Digest("sha512", SHA512)
for receive in (store.receive(known), store.receive_asset(unknown, max_bytes=2 * known.size)):
    try:
        with receive as reception:
            send_missing(reception)
    except PublishError as error:
        print(error)
"""


def test_limit_of_the_kernel_is_named_and_what_fits_is_kept(store: Store) -> None:
    """setrlimit(2), RLIMIT_FSIZE: EFBIG ("File too large") for what goes beyond."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(store.root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert "File too large" in first
    assert "File too large" in second
    assert partial_names(store) == [f"sha512-{SHA512}", f"sha512-{SHA512}.journal"]
    with store.receive_asset(Digest("sha512", SHA512), max_bytes=2 * SIZE) as reception:
        assert reception.resumed_bytes == 3 * MIB
        send_missing(reception)
    assert_received(store)


def test_disk_without_preallocation_is_used_as_it_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not here")

    monkeypatch.setattr("airgap.store.disk.os.posix_fallocate", refuse)
    receive_all(store)
    assert_received(store)


def interrupt(store: Store) -> None:
    with store.receive(DESCRIPTOR) as reception:
        send(reception, 0, MIB)
        raise KeyboardInterrupt


def test_error_that_ends_a_transfer_is_told_though_the_disk_fails_too(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupt(Store(store.root, FailingDisk("sync", errno.EIO, after=1)))
    with store.receive(DESCRIPTOR) as reception:
        assert reception.resumed_bytes == 0
        send_missing(reception)
    assert_received(store)
