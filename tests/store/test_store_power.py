"""The power fails, or the process is killed, at any call: what is recovered is right.

Expected bytes are those that were handed to `write`; the disk is the double in tests/store/power.
"""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airgap.digest import Digest
from airgap.errors import IntegrityError, PublishError
from airgap.oci.manifest import Descriptor
from airgap.store import Reception, Store, reception
from tests.store.power import PowerDisk

SIZE = 12_000
PIECE = 700
GOOD = bytes(random.Random(4).choices(range(1, 255), k=SIZE))  # noqa: S311 - repeatable
BAD = bytes(byte ^ 0xFF for byte in GOOD)  # another byte everywhere, and nowhere a zero
DIGEST = Digest("sha256", hashlib.sha256(GOOD).hexdigest())
KEY = f"sha256-{DIGEST.hex}"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "CHUNK_BYTES", 2_000)
    monkeypatch.setattr(reception, "NOTE_BYTES", 500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process: what the peer sends, what is done, and which call is the last (-1: none)."""

    sends: Literal["good", "bad"] = "good"
    ends: Literal["whole", "broken", "restarted"] = "whole"
    shuffled: bool = False
    known_size: bool = True
    last_call: int = -1
    then: Literal["power", "kill"] = "power"
    seed: int = 0


runs = st.builds(
    Run,
    sends=st.sampled_from(["good", "good", "bad"]),
    ends=st.sampled_from(["whole", "broken", "restarted"]),
    shuffled=st.booleans(),
    known_size=st.sampled_from([True, True, True, False]),
    last_call=st.integers(-1, 90),
    then=st.sampled_from(["power", "kill"]),
    seed=st.integers(0, 2**32),
)


class Machine:
    """A store across runs; `written` is what was last handed over for each byte."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._boots = 0
        self.written = bytearray(SIZE)
        self.published = False
        root = base / "boot0"
        Store.open(root, create=True)
        self.disk = PowerDisk(root, boot="boot0")

    @property
    def store(self) -> Store:
        return Store(self.disk.root, self.disk)

    def go(self, run: Run) -> None:
        """Receive until the run's last call."""
        self.disk.fail_at = run.last_call
        descriptor = Descriptor(media_type="x", digest=DIGEST, size=SIZE if run.known_size else -1)
        # Connection lost, disk gone, or wrong bytes: each may be how a run ends.
        with suppress(ConnectionResetError, PublishError, IntegrityError):
            with self.store.receive(descriptor) as receiving:
                self._check_recovered(receiving)
                self._stream(receiving, run)
            self.published = True

    def stop(self, run: Run) -> None:
        """Lose the process, or the power too."""
        promised = self._promised()
        if run.then == "kill":
            self.disk.revive()
            return
        self._boots += 1
        root = self._base / f"boot{self._boots}"
        self.disk.leave(root)
        self.disk = PowerDisk(root, boot=root.name, seed=run.seed)
        self._check_visible()
        if promised:
            assert promised <= self._recovered(), "what was noted as synced is gone"

    def _stream(self, receiving: Reception, run: Run) -> None:
        data = GOOD if run.sends == "good" else BAD
        if run.ends == "restarted":
            self.send(receiving, data, list(pieces(receiving))[:5])
            receiving.restart()
            data = GOOD
        todo = list(pieces(receiving))
        if run.shuffled and run.known_size:
            random.Random(run.seed).shuffle(todo)  # noqa: S311 - repeatable, no secret
        if run.ends == "broken":
            self.send(receiving, data, todo[: len(todo) // 2])
            raise ConnectionResetError
        self.send(receiving, data, todo)

    def send(self, receiving: Reception, data: bytes, todo: list[tuple[int, int]]) -> None:
        for start, end in todo:
            self.written[start:end] = data[start:end]
            receiving.write(start, memoryview(data)[start:end])

    def _check_recovered(self, receiving: Reception) -> None:
        """Each range that is not asked for again holds what was once written there."""
        partial = self.disk.root / ".partial" / KEY
        content = partial.read_bytes() if partial.exists() else b""
        for position in set(range(SIZE)) - missing(receiving):
            assert content[position] == self.written[position], position

    def _check_visible(self) -> None:
        for path in (self.disk.root / "blobs" / "sha256").iterdir():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
        assert not self.published or self.store.has(DIGEST), "a published blob is gone"

    def _promised(self) -> set[int]:
        """Return the bytes that the journal says are on the disk, by a reader of its own."""
        path = self.disk.root / ".partial" / f"{KEY}.journal"
        journal = self.disk.certain(path)
        if journal is None or self.disk.certain(path.with_name(KEY)) is None:
            return set()
        promised = set()
        for line in journal.splitlines():
            checksum, _, body = line.partition(b" ")
            if checksum != b"%08x" % zlib.crc32(body):
                break  # torn by an earlier cut, and nobody has read it since
            note = json.loads(body)
            if note[0] == "synced":
                promised |= set(range(note[1], note[2]))
        return promised

    def _recovered(self) -> set[int]:
        journal = (self.disk.root / ".partial" / f"{KEY}.journal").read_bytes()
        known = f'"{KEY}", {SIZE}]'.encode() in journal
        descriptor = Descriptor(media_type="x", digest=DIGEST, size=SIZE if known else -1)
        with suppress(ConnectionResetError), self.store.receive(descriptor) as receiving:
            recovered = set(range(SIZE)) - missing(receiving)
            raise ConnectionResetError
        return recovered


def pieces(receiving: Reception) -> Iterator[tuple[int, int]]:
    for start, end in receiving.missing():
        stop = SIZE if end < 0 else end
        for position in range(start, stop, PIECE):
            yield position, min(position + PIECE, stop)


def missing(receiving: Reception) -> set[int]:
    return {
        position
        for start, end in receiving.missing()
        for position in range(start, SIZE if end < 0 else end)
    }


@settings(
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(runs, min_size=1, max_size=5))
def test_what_is_recovered_is_right_and_the_next_run_completes(history: list[Run]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        machine = Machine(Path(directory))
        for run in history:
            machine.go(run)
            machine.stop(run)
        for _ in range(2):  # the first may find bad bytes of an earlier peer, and drop them
            machine.go(Run())
        assert machine.published
        assert machine.store.read(DIGEST, max_bytes=SIZE) == GOOD
        assert list((machine.disk.root / ".partial").iterdir()) == []


def receive_and_die(machine: Machine, data: bytes, todo: list[tuple[int, int]]) -> int:
    """Receive some pieces, then nothing reaches the disk any more; return what was resumed."""
    descriptor = Descriptor(media_type="x", digest=DIGEST, size=SIZE)
    with suppress(ConnectionResetError), machine.store.receive(descriptor) as receiving:
        machine.send(receiving, data, todo)
        machine.disk.fail_at = machine.disk.calls
        raise ConnectionResetError
    return receiving.resumed_bytes


@pytest.mark.parametrize("seed", range(8))
def test_what_a_kill_left_is_on_the_disk_before_it_is_counted(tmp_path: Path, seed: int) -> None:
    machine = Machine(tmp_path)
    receive_and_die(machine, GOOD, [(0, 700), (700, 1400)])
    machine.stop(Run(then="kill"))
    assert receive_and_die(machine, GOOD, []) == 1400
    machine.stop(Run(then="power", seed=seed))
    machine.go(Run())
    assert machine.published


def test_journal_of_a_published_blob_never_speaks_for_a_later_file(tmp_path: Path) -> None:
    """The blob was collected and is received again, when a power cut brings back old names."""
    machine = Machine(tmp_path)
    machine.go(Run(ends="broken"))
    machine.disk.sync_directory(machine.disk.root / ".partial")  # as any other blob's does
    machine.go(Run())
    machine.published = False
    machine.disk.remove(machine.store.blob_path(DIGEST))
    machine.disk.sync_directory(machine.store.blob_path(DIGEST).parent)
    receive_and_die(machine, BAD, [(0, 700), (700, 1400)])
    for number in range(100):
        after = copy(machine)
        root = tmp_path / f"cut{number}"
        machine.disk.leave(root)
        after.disk = PowerDisk(root, boot=root.name)
        after.go(Run())


def test_an_old_name_that_cannot_be_removed_locks_nobody_out(tmp_path: Path) -> None:
    """A power cut brought a published blob's old name back, and the disk refuses to remove it."""
    machine = Machine(tmp_path)
    machine.go(Run())
    blob, old = machine.store.blob_path(DIGEST), machine.disk.root / ".partial" / KEY
    old.hardlink_to(blob)
    machine.disk = PowerDisk(machine.disk.root, boot="boot0")
    machine.disk.fail_at = 1  # the file is opened, then removed
    with (
        pytest.raises(PublishError, match="the power is off"),
        machine.store.receive(Descriptor(media_type="x", digest=DIGEST, size=SIZE)),
    ):
        pass
    machine.disk.revive()
    machine.go(Run())
    assert list(old.parent.iterdir()) == []


def test_a_nameless_file_that_cannot_be_removed_does_not_hide_the_error(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    descriptor = Descriptor(media_type="x", digest=DIGEST, size=SIZE)
    with suppress(ConnectionResetError), machine.store.receive(descriptor):
        machine.disk.fail_at = machine.disk.calls + 2  # both names are opened, then it is full
        with pytest.raises(PublishError), machine.store.receive(descriptor):
            pass
        machine.disk.revive()
        raise ConnectionResetError
