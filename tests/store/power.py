"""A disk whose power can fail: it forgets what POSIX does not promise to keep.

The promise, as fsync(2) and fdatasync(2) have it: a file's bytes and size are durable once the
file is synced; a name, once its directory is (fsync(2): "does not necessarily ensure that the
entry in the directory containing the file has also reached disk"). Between two syncs each page of
each write, each change of size and each change of a name may be on the disk or not, in any
combination: stricter than ext4 is.
"""

from __future__ import annotations

import errno
import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from airgap.store.disk import Disk

__all__ = ["PowerDisk"]

PAGE = 512
"""Small, so that small files have many pages; sectors are the least a disk writes whole."""

Change = Callable[[bytearray], None]


@dataclass(slots=True, eq=False)
class _File:
    """What is on the disk for certain, and the changes that may be."""

    durable: bytes = b""
    pending: list[Change] = field(default_factory=list)
    least: int | None = None  # the shortest that a change since the last sync makes it

    def certain(self) -> bytes:
        return self.durable[: self.least]

    def survive(self, chance: random.Random) -> bytes:
        content = bytearray(self.durable)
        for change in self.pending:
            if chance.random() < 0.5:
                change(content)
        return bytes(content)


@dataclass(slots=True, eq=False)
class _Name:
    """What a name stands for: for certain first, then after each change since."""

    states: list[_File | None] = field(default_factory=lambda: [None])


class PowerDisk(Disk):
    """Works on real files below `root`, and keeps beside them what a power cut may leave.

    From call number `fail_at` on nothing reaches the disk: every call raises OSError, as it would
    for a process that is about to be killed, or a disk that is gone. Then either `leave` what a
    power cut leaves, or `revive` the disk: the process was killed, and the kernel lives on.
    """

    def __init__(self, root: Path, *, boot: str, seed: int = 0) -> None:
        self.root = root
        self.calls = 0
        self.fail_at = -1
        self._boot = boot
        self._chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
        self._lock = threading.RLock()
        self._names: dict[Path, _Name] = {}
        self._open: dict[int, _File] = {}
        for path in root.rglob("*"):
            if path.is_file():
                self._names[path] = _Name([_File(path.read_bytes())])

    def boot(self) -> str:
        return self._boot

    def revive(self) -> None:
        """Work again, on the same state."""
        self.fail_at, self.calls = -1, 0

    def leave(self, target: Path) -> None:
        """Write what a power cut leaves into a directory."""
        for path in self.root.rglob("*"):
            if path.is_dir():
                (target / path.relative_to(self.root)).mkdir(parents=True, exist_ok=True)
        written: dict[_File, Path] = {}
        for path, name in self._names.items():
            file, copy = self._chance.choice(name.states), target / path.relative_to(self.root)
            if file in written:
                os.link(written[file], copy)
            elif file is not None:
                copy.write_bytes(file.survive(self._chance))
                written[file] = copy

    def certain(self, path: Path) -> bytes | None:
        """Return what a file begins with after any power cut; None when it may be gone or another.

        What is being cut off is no longer certain. No file here is written over in place.
        """
        states = self._names[path].states if path in self._names else [None]
        return states[0].certain() if states[0] is not None and len(states) == 1 else None

    # The calls

    def open(self, path: Path, *, create: bool = True) -> int:
        with self._lock:
            self._step()
            made = not path.exists()
            descriptor = super().open(path, create=create)
            if made:
                self._name(path).states.append(_File())
            file = self._name(path).states[-1]
            assert file is not None
            self._open[descriptor] = file
            return descriptor

    def close(self, descriptor: int) -> None:
        with self._lock:
            del self._open[descriptor]
            super().close(descriptor)

    def write(self, descriptor: int, data: memoryview, offset: int) -> None:
        with self._lock:
            self._step()
            content = bytes(data)
            start = 0
            while start < len(content):
                end = (offset + start) // PAGE * PAGE + PAGE - offset
                page = content[start:end]
                self._open[descriptor].pending.append(_overwrite(offset + start, page))
                start = end
            super().write(descriptor, data, offset)

    def reserve(self, descriptor: int, size: int) -> None:
        with self._lock:
            self._step()
            if os.fstat(descriptor).st_size < size:
                self._open[descriptor].pending.append(_resize(size, grow_only=True))
            super().reserve(descriptor, size)

    def truncate(self, descriptor: int, size: int) -> None:
        with self._lock:
            self._step()
            file = self._open[descriptor]
            file.pending.append(_resize(size))
            file.least = size if file.least is None else min(size, file.least)
            super().truncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        with self._lock:
            self._step()
            self._settle(descriptor)

    def seal(self, descriptor: int) -> None:
        with self._lock:
            self._step()
            os.fchmod(descriptor, 0o444)
            self._settle(descriptor)

    def rename(self, source: Path, destination: Path) -> None:
        with self._lock:
            self._step()
            self._name(destination).states.append(self._name(source).states[-1])
            self._name(source).states.append(None)
            super().rename(source, destination)

    def remove(self, path: Path) -> None:
        with self._lock:
            self._step()
            self._name(path).states.append(None)
            super().remove(path)

    def sync_directory(self, path: Path) -> None:
        with self._lock:
            self._step()
            for name, known in self._names.items():
                if name.parent == path:
                    del known.states[:-1]

    # What is left

    def _name(self, path: Path) -> _Name:
        return self._names.setdefault(path, _Name())

    def _settle(self, descriptor: int) -> None:
        """Count as durable what the real file has now."""
        file = self._open[descriptor]
        file.durable = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        file.pending.clear()
        file.least = None

    def _step(self) -> None:
        if 0 <= self.fail_at <= self.calls:
            raise OSError(errno.EIO, "the power is off")
        self.calls += 1


def _overwrite(offset: int, data: bytes) -> Change:
    def change(content: bytearray) -> None:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data

    return change


def _resize(size: int, *, grow_only: bool = False) -> Change:
    def change(content: bytearray) -> None:
        if not grow_only:
            del content[size:]
        content.extend(bytes(max(0, size - len(content))))

    return change
