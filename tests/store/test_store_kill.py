"""kill -9 of a process with two streams: the next run continues, and nothing wrong is visible.

What was handed over is recorded by the victim itself, in a file that survives it.
"""

from __future__ import annotations

import hashlib
import random
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from airgap.store import Store
from airgap.store.reception import NOTE_BYTES
from tests.store.victim import DATA, DESCRIPTOR, PIECE, SIZE, STREAMS

MOST_KILLS = 6
ROOT = Path(__file__).parents[2]


def run_and_kill(root: Path, record: Path, *, after_s: float) -> bool:
    """Tell whether the victim was killed, and not done before."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.victim", str(root), str(record)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"started\n"
        with suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
        process.kill()
    return process.returncode != 0


def handed_over(record: Path) -> int:
    return sum(struct.unpack("<3q", record.read_bytes()))


def recovered(store: Store) -> int:
    """Return how many bytes the next run need not fetch, all of them checked."""
    with suppress(ConnectionResetError), store.receive(DESCRIPTOR) as reception:
        partial = (store.root / ".partial" / f"sha256-{DESCRIPTOR.digest.hex}").read_bytes()
        have = 0
        for start, end in (*reception.missing(), (SIZE, SIZE)):
            assert partial[have:start] == DATA[have:start]
            have = end
        assert reception.received_bytes == reception.resumed_bytes
        raise ConnectionResetError
    return reception.resumed_bytes


@pytest.mark.parametrize("seed", range(3))
def test_killed_reception_loses_little_and_completes(tmp_path: Path, seed: int) -> None:
    root, record = tmp_path / "store", tmp_path / "record"
    moments = random.Random(seed)  # noqa: S311 - repeatable moments, no secret
    kills = 0
    for _ in range(MOST_KILLS):
        kills += run_and_kill(root, record, after_s=moments.uniform(0.0, 0.1))
        store = Store.open(root, create=True)
        visible = list((root / "blobs" / "sha256").iterdir())
        assert all(hashlib.sha256(p.read_bytes()).hexdigest() == p.name for p in visible)
        if store.has(DESCRIPTOR.digest):
            break
        lost = handed_over(record) - recovered(store)
        assert lost <= STREAMS * (NOTE_BYTES + PIECE)
    assert kills, "no kill ever met the victim: the test would prove nothing"
    run_and_kill(root, record, after_s=60.0)
    store = Store.open(root, create=True)
    assert store.is_intact(DESCRIPTOR.digest)
    store.collect(keep=[DESCRIPTOR.digest])
    assert list((root / ".partial").iterdir()) == []
