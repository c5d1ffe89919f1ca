"""The journal of a partial file: which of its bytes are there, whatever happens next.

Lines of `<crc32> <JSON list>`. The first is `["blob", version, key, size]`. `["synced", start,
end]` is written only after that data was synced. `["written", start, end]` is not waited for: it
counts after a kill, when the same kernel still has the bytes, and never after a power cut; `["run",
boot]` tells the two apart. `["validator", ETag]` is of the bytes that follow. A line that a power
cut tore does not fit its checksum: it and all behind it do not count.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from airgap.store.disk import Disk
from airgap.store.ranges import Range, Ranges

__all__ = ["SUFFIX", "Journal", "Noted"]

SUFFIX = ".journal"
VERSION = 1
_MAX_BYTES = 16 * 1024**2
_Line = list[object]


@dataclass(slots=True, kw_only=True)
class Noted:
    """What a journal says: bytes on the disk, bytes this kernel was given, their ETag."""

    synced: Ranges = field(default_factory=Ranges)
    written: Ranges = field(default_factory=Ranges)
    validator: str = ""


class Journal:
    """An open journal. Thread-safe."""

    def __init__(self, disk: Disk, path: Path, *, key: str, size: int) -> None:
        self.path = path
        self._disk = disk
        self._head: _Line = ["blob", VERSION, key, size]
        self._boot = disk.boot()
        self._trusts_kernel = True
        self._lock = threading.Lock()
        self._descriptor = disk.open(path)
        self._end = 0

    def read(self) -> Noted:
        """Return what is noted; nothing where the journal is of another blob, or torn at once."""
        size = self._disk.status(self._descriptor).st_size
        buffer = bytearray(min(size, _MAX_BYTES))
        count = self._disk.read(self._descriptor, memoryview(buffer), 0)
        noted, boot = Noted(), ""
        for line, end in _intact(bytes(buffer[:count])):
            match line:
                case ["blob", *_] if line != self._head:
                    break
                case ["run", str(boot)]:
                    noted.written = Ranges()  # synced by that run, or lost
                case ["synced", int(start), int(stop)] if 0 <= start < stop:
                    noted.synced.add(start, stop)
                case ["written", int(start), int(stop)] if 0 <= start < stop:
                    if boot and boot == self._boot:
                        noted.written.add(start, stop)
                case ["validator", str(validator)]:
                    noted.validator = validator
            self._end = end
        if self._end < size:
            self._disk.truncate(self._descriptor, self._end)
        return noted

    def begin(self) -> None:
        """Void all that was noted; on return that is on the disk."""
        with self._lock:
            self._disk.truncate(self._descriptor, 0)
            self._end = 0
            self._append([self._head, ["run", self._boot]])
        self._disk.sync(self._descriptor)

    def resume(self, synced: Iterable[Range]) -> None:
        """Go on with what is there: all of it is synced, and nothing else counts."""
        self.note_synced(synced)
        with self._lock:
            self._append([["run", self._boot]])

    def note_validator(self, validator: str) -> None:
        """Note the ETag of the bytes that follow; on the disk with the next synced ones."""
        with self._lock:
            self._append([["validator", validator]])

    def distrust(self) -> None:
        """Have nothing count any more that is only written, now or later: the kernel loses it."""
        with self._lock:
            self._trusts_kernel = False
            self._append([["run", self._boot]])

    def note_written(self, ranges: Iterable[Range]) -> None:
        """Note bytes that the kernel has; does not wait."""
        with self._lock:
            if self._trusts_kernel:
                self._append([["written", start, end] for start, end in ranges])

    def note_synced(self, ranges: Iterable[Range]) -> None:
        """Note bytes that are on the disk; on return the note is, too."""
        with self._lock:
            self._append([["synced", start, end] for start, end in ranges])
        self._disk.sync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        self._disk.close(self._descriptor)

    def _append(self, lines: list[_Line]) -> None:
        data = b"".join(_render(line) for line in lines)
        self._disk.write(self._descriptor, memoryview(data), self._end)
        self._end += len(data)


def _render(line: _Line) -> bytes:
    body = json.dumps(line).encode()
    return b"%08x %b\n" % (zlib.crc32(body), body)


def _intact(data: bytes) -> Iterator[tuple[_Line, int]]:
    """Yield each line, and where it ends, up to the first that is damaged."""
    end = 0
    for raw in data.splitlines(keepends=True):
        body = raw[9:-1]
        if raw != b"%08x %b\n" % (zlib.crc32(body), body):
            return
        line = json.loads(body)
        end += len(raw)
        if isinstance(line, list):
            yield line, end
