"""Processes to be killed: each fetches or pushes what it is told, and records the bytes it moved.

They are forked by a process that has loaded everything, so that a kill meets the transfer and not
the start of Python, and two hundred of them take a minute. The record is a file that outlives them.
"""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import NoReturn, Self

from airgap.errors import TransferError
from airgap.lock.model import Lock
from airgap.net import Traffic
from airgap.net.origins import Origins
from airgap.net.tls import client_context
from airgap.net.traffic import Counts
from airgap.oci.credentials import MachineCredentials
from airgap.oci.registries import Registries
from airgap.store import Store
from airgap.transfer.destination import RegistryDestination
from airgap.transfer.fetch import fetch_site
from airgap.transfer.ledger import Ledger, ledger_root
from airgap.transfer.push import connect, push_images
from airgap.transfer.wanted import images_of

__all__ = ["Nursery", "Task", "Victim", "await_hung_up"]

_ROOT = Path(__file__).parents[2]
_LOOK_S = 0.001
_PATIENCE_S = 60.0
_OPEN = {"01", "03", "08"}
"""ESTABLISHED, SYN_RECV, CLOSE_WAIT (Linux, include/net/tcp_states.h)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What one process does.

    Attributes:
        store: The store's directory.
        lock: What is fetched, or pushed.
        record: The file that gets the count of bytes of bodies moved.
        redirects: Where it is fetched from, by upstream host or origin; empty: it is pushed.
        registry: Where it is pushed to.
        ca: PEM to trust.
        workers: How many transfers at a time.
    """

    store: Path
    lock: Lock
    record: Path
    redirects: dict[str, str] = field(default_factory=dict)
    registry: str = ""
    ca: str | None = None
    workers: int = 4

    def to_line(self) -> bytes:
        """Write it as one line."""
        fields = {name: value for name, value in asdict(self).items() if name != "lock"}
        texts = {**fields, "store": str(self.store), "record": str(self.record)}
        return json.dumps({**texts, "lock": self.lock.model_dump(mode="json")}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Read it back."""
        fields = json.loads(line)
        fields |= {
            "store": Path(fields["store"]),
            "record": Path(fields["record"]),
            "lock": Lock.model_validate(fields["lock"]),
        }
        return cls(**fields)


class Victim:
    """A process at work."""

    def __init__(self, nursery: Nursery, task: Task, pid: int) -> None:
        self._nursery = nursery
        self._task = task
        self.pid = pid
        self.status: int | None = None

    @property
    def moved_bytes(self) -> int:
        """Bytes of bodies that it received, or sent, so far."""
        try:
            return int(struct.unpack("<q", self._task.record.read_bytes())[0])
        except (FileNotFoundError, struct.error):
            return 0

    def kill(self) -> bool:
        """Kill it (SIGKILL); tell whether it was still at work."""
        os.kill(self.pid, signal.SIGKILL)
        status = self.wait()
        assert status in (0, -signal.SIGKILL), status
        return status != 0

    def await_bytes(self, moved_bytes: int) -> None:
        """Wait until it has moved so many bytes, or is done."""
        end = time.monotonic() + _PATIENCE_S
        while self.moved_bytes < moved_bytes and not self._nursery.is_over(self):
            assert time.monotonic() < end, f"it stopped at {self.moved_bytes} bytes"
            time.sleep(_LOOK_S)

    def kill_after(self, moved_bytes: int) -> None:
        """Kill it as soon as it has moved so many bytes."""
        self.await_bytes(moved_bytes)
        assert self.kill(), "it was done before it could be killed"

    def wait(self) -> int:
        """Wait for its end; return 0 when it has done everything, -9 when it was killed."""
        if self.status is None:
            self.status = self._nursery.reap(self)
        return self.status


class Nursery:
    """The process that forks the others; one at a time lives."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.victim"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def start(self, task: Task) -> Victim:
        """Let a process begin."""
        task.record.unlink(missing_ok=True)
        assert self._process.stdin is not None
        self._process.stdin.write(task.to_line())
        self._process.stdin.flush()
        return Victim(self, task, self._answer())

    def reap(self, _victim: Victim) -> int:
        """Wait for the process that was started last."""
        return self._answer()

    def is_over(self, _victim: Victim) -> bool:
        """Tell whether the process that was started last has ended."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def close(self) -> None:
        """End."""
        self._process.communicate()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


def await_hung_up(port: int) -> None:
    """Wait until a server on loopback has taken all that ended processes had sent, and hung up."""
    end = time.monotonic() + _PATIENCE_S
    while _is_connected(port):
        assert time.monotonic() < end, f"port {port} still has connections"
        time.sleep(_LOOK_S)


def _is_connected(port: int) -> bool:
    """Tell whether a connection to a port is open, an accepted one or one that waits for it."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[1].endswith(f":{port:04X}") and row[3] in _OPEN for row in rows)


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Have a nursery for a while."""
    found = Nursery()
    try:
        yield found
    finally:
        found.close()


class _Recorded(Counts):
    """Counts that outlive the process.

    A stream goes on only once its bytes are recorded, and no stream's older sum covers a newer one:
    what a store notes has always been recorded before.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._recording = threading.Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def received(self, count: int) -> None:
        super().received(count)
        self._write()

    def sent(self, count: int) -> None:
        super().sent(count)
        self._write()

    def _write(self) -> None:
        with self._recording:
            moved_bytes = self.received_bytes + self.sent_bytes
            os.pwrite(self._file, struct.pack("<q", moved_bytes), 0)


@dataclass(frozen=True, slots=True)
class _At:
    url: str
    ca: str | None


def _fetch(task: Task, traffic: Traffic) -> None:
    redirects = {place: _At(url, task.ca) for place, url in task.redirects.items()}
    credentials = MachineCredentials(environ={})
    with (
        Registries(redirects, credentials=credentials, traffic=traffic) as registries,
        Origins(redirects, traffic=traffic) as origins,
    ):
        fetch_site(
            task.lock,
            registries=registries,
            releases=origins,
            store=Store.open(task.store, create=True),
            traffic=traffic,
            workers=task.workers,
        )


def _push(task: Task, traffic: Traffic) -> None:
    place = RegistryDestination(kind="existing", endpoint=task.registry, ca=task.ca)
    ledger = Ledger(ledger_root(task.store), place.identity)
    store, items = Store.open(task.store), images_of([task.lock])
    credentials = MachineCredentials(environ={})
    with connect(place, credentials=credentials, traffic=traffic) as client:
        push_images(store, client, place, "images", items, ledger, workers=task.workers)


def _work(task: Task) -> int:
    traffic = Traffic()
    traffic.counts = _Recorded(task.record)
    try:
        (_fetch if task.redirects else _push)(task, traffic)
    except TransferError as error:
        sys.stderr.write(error.diagnostics() + "\n")
        return 1
    return 0


def _serve() -> None:
    """Fork a process for each line of the input; tell its id, and then how it ended.

    Its id stays its own until the next one begins, so that a late kill hits nobody else.
    """
    _warm_up()
    dead = 0
    for line in sys.stdin:
        if dead:
            os.waitpid(dead, 0)
        pid = os.fork()
        if not pid:
            _live(line)
        _say(pid)
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        was_killed = ended.si_code == os.CLD_KILLED
        _say(-ended.si_status if was_killed else ended.si_status)
        dead = pid


def _warm_up() -> None:
    """Load what is else loaded at the first request: the machine's authorities, httpx."""
    import_module("httpx")
    client_context()


def _live(line: str) -> NoReturn:
    status = 70
    try:
        status = _work(Task.from_line(line))
    finally:
        sys.stderr.flush()
        os._exit(status)


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve()
