"""A process that receives a blob by two streams, to be killed.

What each stream has handed over, it records in a file of its own: first number of the stream, then
how many bytes; behind them, what was there at the start.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
import threading
import time
from pathlib import Path

from airgap.digest import Digest
from airgap.oci.manifest import Descriptor
from airgap.store import Reception, Store

__all__ = ["DATA", "DESCRIPTOR", "PIECE", "SIZE", "STREAMS"]

PIECE = 128 * 1024
STREAMS = 2
SIZE = 24 * 1024**2
DATA = hashlib.shake_128(b"victim").digest(SIZE // 16) * 16
DESCRIPTOR = Descriptor(
    media_type="x", digest=Digest("sha256", hashlib.sha256(DATA).hexdigest()), size=SIZE
)


def stream(reception: Reception, todo: list[int], record: int, number: int) -> None:
    for count, start in enumerate(todo, 1):
        reception.write(start, memoryview(DATA)[start : min(start + PIECE, SIZE)])
        os.pwrite(record, struct.pack("<q", count * PIECE), 8 * number)
        time.sleep(0.001)


def receive(root: Path, record: int) -> None:
    with Store.open(root, create=True).receive(DESCRIPTOR) as reception:
        os.pwrite(record, struct.pack("<3q", 0, 0, reception.resumed_bytes), 0)
        sys.stdout.write("started\n")
        sys.stdout.flush()
        todo = [at for start, end in reception.missing() for at in range(start, end, PIECE)]
        middle = len(todo) // STREAMS
        threads = [
            threading.Thread(target=stream, args=(reception, part, record, number))
            for number, part in enumerate((todo[:middle], todo[middle:]))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    receive(Path(sys.argv[1]), os.open(sys.argv[2], os.O_RDWR | os.O_CREAT))
