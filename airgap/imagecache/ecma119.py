"""The structures of a CD's file system, byte for byte.

ECMA-119 (ISO 9660) for volumes and directories, SUSP 1.12 (IEEE P1281) and Rock Ridge 1.12 (IEEE
P1282) for names, modes and links. Section numbers are ECMA-119's unless one says otherwise.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = [
    "BLOCK_BYTES",
    "FIRST_BLOCK",
    "IS_CONTINUED",
    "IS_DIRECTORY",
    "Extent",
    "Volume",
    "both",
    "continuation",
    "directory_record",
    "extension_reference",
    "name_entries",
    "path_record",
    "posix_entry",
    "primary_descriptor",
    "sharing_protocol",
    "terminator",
]

BLOCK_BYTES = 2048
FIRST_BLOCK = 16
"""Blocks before this one are the system area (6.2.1): for whoever boots from it, so zeros."""

IS_DIRECTORY = 0x02
IS_CONTINUED = 0x80

# 9.1.5 and 8.4.26.1 both give 1970-01-01 00:00:00 UTC: no medium tells when it was made.
_RECORDED = bytes((70, 1, 1, 0, 0, 0, 0))
_CREATED = b"1970010100000000\0"
_UNSPECIFIED = b"0000000000000000\0"

_NAME_ENTRY_BYTES = 250
_PROTOCOL = b"IEEE_P1282"
_DESCRIPTION = b"THE IEEE P1282 PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS"
_ORIGIN = (
    b"PLEASE CONTACT THE IEEE STANDARDS DEPARTMENT, PISCATAWAY, NJ, USA"
    b" FOR THE P1282 SPECIFICATION."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Consecutive blocks: the first one's number, and how many bytes are used."""

    block: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What the volume descriptor tells: where things are, and how much there is."""

    label: str
    blocks: int
    root: bytes
    path_table_bytes: int
    path_table: int
    path_table_big_endian: int


def both(value: int, width: int) -> bytes:
    """Return a number in little-endian and then big-endian order (7.2.3, 7.3.3)."""
    return value.to_bytes(width, "little") + value.to_bytes(width, "big")


def directory_record(identifier: bytes, extent: Extent, flags: int, system_use: bytes) -> bytes:
    """Return a record of a directory (9.1), of even length."""
    record = (
        b"\0"
        + both(extent.block, 4)
        + both(extent.size, 4)
        + _RECORDED
        + bytes((flags, 0, 0))
        + both(1, 2)
        + bytes((len(identifier),))
        + identifier
        + b"\0" * (1 - len(identifier) % 2)
        + system_use
    )
    record += b"\0" * (1 - len(record) % 2)
    return bytes((len(record) + 1,)) + record


def path_record(identifier: bytes, block: int, parent: int, *, big_endian: bool) -> bytes:
    """Return a record of a path table (9.4)."""
    order = ">" if big_endian else "<"
    head = struct.pack(f"{order}BBIH", len(identifier), 0, block, parent)
    return head + identifier + b"\0" * (len(identifier) % 2)


def primary_descriptor(volume: Volume) -> bytes:
    """Return the primary volume descriptor (8.4), one block."""
    descriptor = (
        b"\x01CD001\x01\0"
        + b" " * 32
        + volume.label.encode("ascii").ljust(32)
        + bytes(8)
        + both(volume.blocks, 4)
        + bytes(32)
        + both(1, 2)  # volumes in the set
        + both(1, 2)  # this one's number
        + both(BLOCK_BYTES, 2)
        + both(volume.path_table_bytes, 4)
        + struct.pack("<II", volume.path_table, 0)
        + struct.pack(">II", volume.path_table_big_endian, 0)
        + volume.root
        + b" " * (4 * 128 + 3 * 37)  # set, publisher, preparer, application; three file names
        + _CREATED * 2
        + _UNSPECIFIED * 2
        + b"\x01"
    )
    return descriptor.ljust(BLOCK_BYTES, b"\0")


def terminator() -> bytes:
    """Return the volume descriptor set terminator (8.3), one block."""
    return b"\xffCD001\x01".ljust(BLOCK_BYTES, b"\0")


def sharing_protocol() -> bytes:
    """Return what says that system use areas follow SUSP (SUSP 5.3)."""
    return b"SP\x07\x01\xbe\xef\0"


def extension_reference() -> bytes:
    """Return what says that they follow Rock Ridge (SUSP 5.5, RRIP 4.3)."""
    texts = (_PROTOCOL, _DESCRIPTION, _ORIGIN)
    body = bytes((*map(len, texts), 1)) + b"".join(texts)
    return b"ER" + bytes((4 + len(body), 1)) + body


def continuation(block: int, offset: int, size: int) -> bytes:
    """Return what says where the rest of a system use area is (SUSP 5.1)."""
    return b"CE\x1c\x01" + both(block, 4) + both(offset, 4) + both(size, 4)


def posix_entry(mode: int, links: int, serial: int) -> bytes:
    """Return mode, links and serial number of a file that is root's (RRIP 4.1.1)."""
    return b"PX\x2c\x01" + b"".join(both(value, 4) for value in (mode, links, 0, 0, serial))


def name_entries(name: bytes) -> bytes:
    """Return a name in as many entries as it takes (RRIP 4.1.4)."""
    parts = [name[at : at + _NAME_ENTRY_BYTES] for at in range(0, len(name), _NAME_ENTRY_BYTES)]
    last = len(parts) - 1
    return b"".join(
        b"NM" + bytes((5 + len(part), 1, at < last)) + part for at, part in enumerate(parts)
    )
