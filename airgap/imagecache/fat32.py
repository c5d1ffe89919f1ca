"""The structures of a FAT32 volume with long names, byte for byte.

After Microsoft's "FAT: General Overview of On-Disk Format", version 1.03, and its "Long File Name
Specification", version 0.5. A sector has 512 bytes, here as on every USB stick.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = [
    "ENTRY_BYTES",
    "FATS",
    "FIRST_CLUSTER",
    "MIN_CLUSTERS",
    "RESERVED_SECTORS",
    "SECTOR_BYTES",
    "Geometry",
    "allocation_table",
    "boot_sectors",
    "directory_entry",
    "label_entry",
    "long_entries",
    "short_name",
]

SECTOR_BYTES = 512
RESERVED_SECTORS = 32
FATS = 2
FIRST_CLUSTER = 2
ENTRY_BYTES = 32
MIN_CLUSTERS = 65_525 + 16
"""With fewer than 65,525 a volume is FAT16, whatever it says; 16 more because some miscount."""

_MEDIA = 0xF8  # a disk
_INFO_SECTOR, _BACKUP_SECTOR = 1, 6
_END_OF_CHAIN = 0x0FFFFFFF
_READ_ONLY, _LABEL, _DIRECTORY, _LONG_NAME = 0x01, 0x08, 0x10, 0x0F
_RECORDED = (1 << 5) | 1  # 1980-01-01, the first day there is: no medium tells when it was made
_UNITS_PER_ENTRY = 13
_NUMBERS_PER_PIECE = 1 << 16
# A BIOS that starts it goes on to the next boot device (int 18h) instead of hanging.
_BOOT_CODE = b"\xcd\x18\xeb\xfe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """How big a volume is, and how it is divided.

    Attributes:
        cluster_sectors: A power of 2, at most 64.
        clusters: How many there are for data.
        used: How many of them are taken, from the first on.
    """

    cluster_sectors: int
    clusters: int
    used: int

    @property
    def fat_sectors(self) -> int:
        """The size of one allocation table."""
        return -(-(self.clusters + FIRST_CLUSTER) * 4 // SECTOR_BYTES)

    @property
    def sectors(self) -> int:
        """The size of all."""
        return RESERVED_SECTORS + FATS * self.fat_sectors + self.clusters * self.cluster_sectors

    @property
    def cluster_bytes(self) -> int:
        """The size of one cluster."""
        return self.cluster_sectors * SECTOR_BYTES


def boot_sectors(geometry: Geometry, label: bytes, serial: int) -> bytes:
    """Return all that lies before the allocation tables: boot and information sectors, twice."""
    boot = struct.pack(
        "<3s8sHBHBHHBHHHII",
        b"\xeb\x58\x90",
        b"MSWIN4.1",
        SECTOR_BYTES,
        geometry.cluster_sectors,
        RESERVED_SECTORS,
        FATS,
        0,  # entries of a FAT16's root directory
        0,  # sectors, if 16 bits are enough
        _MEDIA,
        0,  # size of a FAT16's table
        63,
        255,
        0,  # sectors before the volume
        geometry.sectors,
    ) + struct.pack(
        "<IHHIHH12xBBBI11s8s",
        geometry.fat_sectors,
        0,  # both tables are kept alike
        0,  # version 0.0
        FIRST_CLUSTER,
        _INFO_SECTOR,
        _BACKUP_SECTOR,
        0x80,
        0,
        0x29,
        serial,
        label,
        b"FAT32   ",
    )
    boot = _signed(boot + _BOOT_CODE)
    free = geometry.clusters - geometry.used
    next_free = FIRST_CLUSTER + geometry.used if free else 0xFFFFFFFF
    info = struct.pack("<I480xIII", 0x41615252, 0x61417272, free, next_free)
    pair = boot + _signed(info)
    both = pair + bytes((_BACKUP_SECTOR - 2) * SECTOR_BYTES) + pair
    return both.ljust(RESERVED_SECTORS * SECTOR_BYTES, b"\0")


def _signed(sector: bytes) -> bytes:
    return sector.ljust(SECTOR_BYTES - 2, b"\0") + b"\x55\xaa"


def allocation_table(geometry: Geometry, runs: Iterable[int]) -> Iterator[bytes]:
    """Yield one table: a chain for each run of clusters, one after the other, then free ones.

    Args:
        geometry: The volume's.
        runs: How many consecutive clusters each file and directory has, as they lie.
    """
    yield struct.pack("<II", _END_OF_CHAIN & ~0xFF | _MEDIA, _END_OF_CHAIN)
    start = FIRST_CLUSTER
    for count in runs:
        yield from _chain(start, count)
        start += count
    yield bytes(geometry.fat_sectors * SECTOR_BYTES - 4 * start)


def _chain(start: int, count: int) -> Iterator[bytes]:
    last = start + count - 1
    for first in range(start, last, _NUMBERS_PER_PIECE):
        following = range(first + 1, min(first + _NUMBERS_PER_PIECE, last) + 1)
        yield struct.pack(f"<{len(following)}I", *following)
    yield struct.pack("<I", _END_OF_CHAIN)


def label_entry(label: bytes) -> bytes:
    """Return the root directory's first entry: the volume's label."""
    return _entry(label, _LABEL, 0, 0)


def directory_entry(short: bytes, cluster: int, size: int | None) -> bytes:
    """Return the entry of a read-only file, or with no size of a directory."""
    attributes = _DIRECTORY if size is None else _READ_ONLY
    return _entry(short, attributes, cluster, size or 0)


def _entry(short: bytes, attributes: int, cluster: int, size: int) -> bytes:
    return struct.pack(
        "<11sBBBHHHHHHHI",
        short,
        attributes,
        0,
        0,
        0,
        _RECORDED,
        _RECORDED,
        cluster >> 16,
        0,
        _RECORDED,
        cluster & 0xFFFF,
        size,
    )


def short_name(position: int) -> bytes:
    """Return a name with a numeric tail, for readers without long names."""
    return b"%06X~1   " % position


def long_entries(name: str, short: bytes) -> bytes:
    """Return the entries that hold a long name; the short name's has to follow them."""
    units = name.encode("utf-16-le")
    count = -(-len(units) // (2 * _UNITS_PER_ENTRY))
    room = count * 2 * _UNITS_PER_ENTRY
    if len(units) < room:
        units = (units + b"\0\0").ljust(room, b"\xff")
    parts = [units[at : at + 2 * _UNITS_PER_ENTRY] for at in range(0, room, 2 * _UNITS_PER_ENTRY)]
    checksum = _checksum(short)
    return b"".join(
        struct.pack(
            "<B10sBBB12sH4s",
            number | (0x40 if number == count else 0),
            part[:10],
            _LONG_NAME,
            0,
            checksum,
            part[10:22],
            0,
            part[22:],
        )
        for number, part in reversed(list(enumerate(parts, 1)))
    )


def _checksum(short: bytes) -> int:
    total = 0
    for byte in short:
        total = ((total & 1) << 7) + (total >> 1) + byte & 0xFF
    return total
