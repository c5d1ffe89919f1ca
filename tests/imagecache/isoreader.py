"""A reader of ISO 9660 with Rock Ridge, by ECMA-119, SUSP 1.12 and RRIP 1.12 and nothing of ours.

It is strict: numbers that are there twice have to agree, and what a standard fixes has to be so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["IsoVolume", "read_iso"]

_BLOCK = 2048


@dataclass(slots=True, kw_only=True)
class IsoVolume:
    """What a volume holds, by path from its root."""

    label: str
    files: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    directories: set[str] = field(default_factory=set)
    sections: dict[str, list[tuple[int, int]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    identifier: bytes
    block: int
    size: int
    flags: int
    system_use: bytes


def read_iso(image: bytes, *, content: bool = True) -> IsoVolume:
    """Read a whole image; without `content` no file's bytes, which may be cut off then."""
    descriptor = image[16 * _BLOCK : 17 * _BLOCK]
    assert image[: 16 * _BLOCK] == bytes(16 * _BLOCK)
    assert descriptor[:8] == b"\x01CD001\x01\0"
    assert image[17 * _BLOCK : 17 * _BLOCK + 7] == b"\xffCD001\x01"
    assert _both(descriptor[128:132]) == _BLOCK
    if content:
        assert _both(descriptor[80:88]) * _BLOCK == len(image)
    volume = IsoVolume(label=descriptor[40:72].decode("ascii").rstrip(" "))
    root = _record(descriptor[156:190])
    _check_path_tables(image, descriptor, root)
    _walk(image, root, "", volume, content)
    return volume


def _walk(image: bytes, directory: _Record, path: str, volume: IsoVolume, content: bool) -> None:
    own, parent, *children = _records(image, directory)
    assert (own.identifier, parent.identifier) == (b"\0", b"\1")
    assert (own.block, own.size) == (directory.block, directory.size)
    if not path:
        assert own.system_use[:7] == b"SP\x07\x01\xbe\xef\0"
        assert b"ER" in {tag for tag, _ in _entries(image, own.system_use[7:])}
    identifiers = [child.identifier for child in children]
    assert identifiers == sorted(identifiers), "9.3: sorted by identifier"
    for child in children:
        entries = list(_entries(image, child.system_use))
        name = b"".join(body[1:] for tag, body in entries if tag == b"NM").decode()
        assert [body[0] & 1 for tag, body in entries if tag == b"NM"][-1] == 0
        (posix,) = (body for tag, body in entries if tag == b"PX")
        below = f"{path}/{name}" if path else name
        volume.modes[below] = _both(posix[:8])
        if child.flags & 0x02:
            volume.directories.add(below)
            _walk(image, child, below, volume, content)
        else:
            _take(image, child, below, volume, content)


def _take(image: bytes, record: _Record, path: str, volume: IsoVolume, content: bool) -> None:
    before = volume.sections.setdefault(path, [])
    assert not before or before[-1][1] % _BLOCK == 0, "6.5.1: only the last section is not whole"
    before.append((record.block, record.size))
    volume.sizes[path] = volume.sizes.get(path, 0) + record.size
    if content:
        start = record.block * _BLOCK
        volume.files[path] = volume.files.get(path, b"") + image[start : start + record.size]


def _records(image: bytes, directory: _Record) -> Iterator[_Record]:
    assert directory.size % _BLOCK == 0
    continued = None
    for start in range(0, directory.size, _BLOCK):
        at = directory.block * _BLOCK + start
        end = at + _BLOCK
        while at < end and image[at]:
            assert image[at] % 2 == 0, "9.1.13: records have an even length"
            assert at + image[at] <= end, "6.8.1.1: no record crosses a block"
            record = _record(image[at : at + image[at]])
            assert continued in (None, record.identifier)
            continued = record.identifier if record.flags & 0x80 else None
            yield record
            at += image[at]
    assert continued is None


def _record(raw: bytes) -> _Record:
    assert raw[0] == len(raw)
    assert raw[1] == 0
    size = raw[32]
    end = 33 + size + (1 - size % 2)
    return _Record(
        identifier=raw[33 : 33 + size],
        block=_both(raw[2:10]),
        size=_both(raw[10:18]),
        flags=raw[25],
        system_use=raw[end:],
    )


def _entries(image: bytes, area: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the SUSP entries of an area and of what continues it, without tag, length, version."""
    at = 0
    following = b""
    while at + 4 <= len(area):
        tag, length = area[at : at + 2], area[at + 2]
        body = area[at + 4 : at + length]
        if tag == b"CE":
            block, offset, size = (_both(body[n : n + 8]) for n in (0, 8, 16))
            assert offset + size <= _BLOCK, "Linux reads a continuation from one block only"
            following = image[block * _BLOCK + offset : block * _BLOCK + offset + size]
        else:
            yield tag, body
        at += length
    if following:
        yield from _entries(image, following)


def _check_path_tables(image: bytes, descriptor: bytes, root: _Record) -> None:
    """Check that both tables name every directory once, parents first (6.9.1, 9.4)."""
    size = _both(descriptor[132:140])
    little = int.from_bytes(descriptor[140:144], "little") * _BLOCK
    big = int.from_bytes(descriptor[148:152], "big") * _BLOCK
    table = list(_path_table(image[little : little + size], "little"))
    assert table == list(_path_table(image[big : big + size], "big"))
    assert table[0] == (b"\0", root.block, 1)
    found = {1: root}
    for number, (identifier, block, parent) in enumerate(table[1:], 2):
        (found[number],) = (r for r in _records(image, found[parent]) if r.identifier == identifier)
        assert found[number].block == block
        assert parent <= number
    parents = [parent for _, _, parent in table[1:]]
    assert parents == sorted(parents)


def _path_table(table: bytes, order: Literal["little", "big"]) -> Iterator[tuple[bytes, int, int]]:
    at = 0
    while at < len(table):
        length = table[at]
        block = int.from_bytes(table[at + 2 : at + 6], order)
        parent = int.from_bytes(table[at + 6 : at + 8], order)
        yield table[at + 8 : at + 8 + length], block, parent
        at += 8 + length + length % 2


def _both(raw: bytes) -> int:
    """Read a number that is there in both orders (7.2.3, 7.3.3)."""
    half = len(raw) // 2
    little = int.from_bytes(raw[:half], "little")
    assert little == int.from_bytes(raw[half:], "big")
    return little
