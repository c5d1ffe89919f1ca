"""A reader of FAT32 with long names, by Microsoft's specification 1.03 and nothing of ours.

It is strict: both tables and both boot sectors have to agree, and every cluster is somebody's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["FatVolume", "read_fat"]

_END = 0x0FFFFFF8


@dataclass(slots=True, kw_only=True)
class FatVolume:
    """What a volume holds, by path from its root."""

    label: str
    serial: int
    cluster_bytes: int
    clusters: int
    free_clusters: int
    files: dict[str, bytes] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    read_only: set[str] = field(default_factory=set)


class _Disk:
    def __init__(self, image: bytes) -> None:
        self.image = image
        sector, self.per_cluster, reserved, fats = struct.unpack_from("<HBHB", image, 11)
        assert (sector, fats) == (512, 2)
        assert struct.unpack_from("<HH", image, 17) == (0, 0), "FAT32 has neither"
        total, fat_sectors = struct.unpack_from("<II", image, 32)
        assert total * 512 == len(image)
        assert image[510:512] == b"\x55\xaa"
        assert image[82:90] == b"FAT32   "
        assert image[:1024] == image[6 * 512 : 8 * 512], "the backup is the original"
        fat = image[reserved * 512 : (reserved + fat_sectors) * 512]
        assert fat == image[(reserved + fat_sectors) * 512 : (reserved + 2 * fat_sectors) * 512]
        self.fat = struct.unpack(f"<{len(fat) // 4}I", fat)
        self.first_data = reserved + 2 * fat_sectors
        self.clusters = (total - self.first_data) // self.per_cluster
        assert self.clusters >= 65_525, "fewer make it FAT16"
        assert len(self.fat) >= self.clusters + 2
        assert self.fat[0] & 0xFF == image[21]
        self.taken: set[int] = set()

    def chain(self, cluster: int) -> bytes:
        parts = []
        while cluster < _END:
            assert 2 <= cluster < self.clusters + 2
            assert cluster not in self.taken, "two files share a cluster"
            self.taken.add(cluster)
            start = (self.first_data + (cluster - 2) * self.per_cluster) * 512
            parts.append(self.image[start : start + self.per_cluster * 512])
            cluster = self.fat[cluster]
        return b"".join(parts)


def read_fat(image: bytes) -> FatVolume:
    """Read a whole image."""
    disk = _Disk(image)
    (root,) = struct.unpack_from("<I", image, 44)
    serial, label = struct.unpack_from("<I11s", image, 67)
    signatures = struct.unpack_from("<I480xI", image, 512)
    assert (*signatures, image[1020:1024]) == (0x41615252, 0x61417272, b"\0\0\x55\xaa")
    (free,) = struct.unpack_from("<I", image, 512 + 488)
    volume = FatVolume(
        label=label.decode("ascii").rstrip(" "),
        serial=serial,
        cluster_bytes=disk.per_cluster * 512,
        clusters=disk.clusters,
        free_clusters=free,
    )
    entries = disk.chain(root)
    assert (entries[:11], entries[11]) == (label, 0x08)
    _walk(disk, entries[32:], "", 0, volume)
    used = {number for number, value in enumerate(disk.fat) if value and number >= 2}
    assert used == disk.taken, "every cluster is somebody's or free"
    assert len(used) + free == disk.clusters
    return volume


def _walk(disk: _Disk, entries: bytes, path: str, own: int, volume: FatVolume) -> None:
    shorts, longs = set[bytes](), set[str]()
    for name, short, attributes, cluster, size in _named(entries):
        assert short not in shorts
        shorts.add(short)
        assert name.casefold() not in longs
        longs.add(name.casefold())
        below = f"{path}/{name}" if path else name
        if not attributes & 0x10:
            data = disk.chain(cluster) if size else b""
            assert len(data) - size < disk.per_cluster * 512
            assert set(data[size:]) <= {0}
            volume.files[below] = data[:size]
            if attributes & 0x01:
                volume.read_only.add(below)
            continue
        assert size == 0
        volume.directories.add(below)
        inside = disk.chain(cluster)
        dots = [(inside[at : at + 11], _cluster(inside[at : at + 32])) for at in (0, 32)]
        assert dots == [(b".".ljust(11), cluster), (b"..".ljust(11), own)]
        _walk(disk, inside[64:], below, cluster, volume)
    assert not longs & {short.decode("ascii").strip().casefold() for short in shorts}


def _named(entries: bytes) -> Iterator[tuple[str, bytes, int, int, int]]:
    units, expected, checksum = b"", 0, 0
    for at in range(0, len(entries), 32):
        entry = entries[at : at + 32]
        if entry[0] == 0:
            assert set(entries[at:]) == {0}
            return
        if entry[11] == 0x0F:
            if entry[0] & 0x40:
                units, expected, checksum = b"", entry[0] & 0x3F, entry[13]
            assert (entry[0] & 0x3F, entry[13]) == (expected, checksum)
            units = entry[1:11] + entry[14:26] + entry[28:32] + units
            expected -= 1
            continue
        assert expected == 0
        assert checksum == _checksum(entry[:11])
        text, _, filling = units.decode("utf-16-le", "surrogatepass").partition("\0")
        assert set(filling) <= {"\uffff"}
        (size,) = struct.unpack_from("<I", entry, 28)
        yield text, entry[:11], entry[11], _cluster(entry), size


def _cluster(entry: bytes) -> int:
    high, low = struct.unpack_from("<H4xH", entry, 20)
    return int(high) << 16 | int(low)


def _checksum(short: bytes) -> int:
    total = 0
    for byte in short:
        total = ((total >> 1) | ((total & 1) << 7)) + byte & 0xFF
    return total
