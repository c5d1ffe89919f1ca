"""gzip without compression: layers are compressed already, and the bytes must be the same anywhere.

RFC 1952 (gzip) around RFC 1951 stored blocks. No zlib decides about block borders: what comes out
depends on the input alone, and how long it is can be told before.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["HEADER", "Frame", "checksum_of", "cut_frames", "stored_size", "trailer"]

HEADER = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255))
"""Deflate, no flags, no time, unknown system."""

_BLOCK = 0xFFFF
_HEAD = 5
_SLOT = _HEAD + _BLOCK
_SLOTS = 16
_TRAILER = 8


@dataclass(frozen=True, slots=True)
class Frame:
    """Some blocks: their bytes as they are written, and what is in them."""

    written: memoryview

    def payloads(self) -> Iterator[memoryview]:
        """Yield what was put in, in order."""
        for start in range(0, len(self.written), _SLOT):
            yield self.written[start + _HEAD : start + _SLOT]


def stored_size(size: int) -> int:
    """Return how many bytes a gzip of so many bytes has."""
    return len(HEADER) + size + _HEAD * max(1, -(-size // _BLOCK)) + _TRAILER


def cut_frames(pieces: Iterable[bytes | memoryview], size: int) -> Iterator[Frame]:
    """Yield the blocks of a stream of `size` bytes; each frame is a buffer of its own."""
    frame, filled, left = _buffer(size), 0, size
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            if filled == len(frame):
                yield Frame(memoryview(frame))
                frame, filled = _buffer(left), 0
            filled += _HEAD if filled % _SLOT == 0 else 0
            room = min(_SLOT - filled % _SLOT, len(frame) - filled)
            taken = rest[:room]
            frame[filled : filled + len(taken)] = taken
            filled, left, rest = filled + len(taken), left - len(taken), rest[len(taken) :]
    yield Frame(memoryview(frame))


def trailer(checksum: int, size: int) -> bytes:
    """Return the end of the gzip: CRC-32 and size of what is in it."""
    return checksum.to_bytes(4, "little") + (size % 2**32).to_bytes(4, "little")


def _buffer(left: int) -> bytearray:
    """Return a frame for what is left, its block headers written."""
    size = min(left, _BLOCK * _SLOTS)
    frame = bytearray(size + _HEAD * max(1, -(-size // _BLOCK)))
    for start in range(0, len(frame), _SLOT):
        length = min(_BLOCK, len(frame) - start - _HEAD)
        is_last = left == size and start + _SLOT >= len(frame)
        frame[start] = 1 if is_last else 0
        frame[start + 1 : start + 3] = length.to_bytes(2, "little")
        frame[start + 3 : start + 5] = (length ^ 0xFFFF).to_bytes(2, "little")
    return frame


def checksum_of(frame: Frame, before: int) -> int:
    """Return the CRC-32 with a frame's payloads."""
    for payload in frame.payloads():
        before = zlib.crc32(payload, before)
    return before
