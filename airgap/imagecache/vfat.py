"""An image cache as a USB stick's content: one FAT32 volume with long names, no partition table.

The same tree gives the same bytes on any machine. What FAT cannot hold is refused with the way out,
an ISO: it has no such limits. Free space is what FAT32 wants at least, so the image is as small as
it can be; Talos only reads it.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from airgap.digest import sha256_of
from airgap.errors import PublishError
from airgap.imagecache.fat32 import (
    ENTRY_BYTES,
    FATS,
    FIRST_CLUSTER,
    MIN_CLUSTERS,
    SECTOR_BYTES,
    Geometry,
    allocation_table,
    boot_sectors,
    directory_entry,
    label_entry,
    long_entries,
    short_name,
)
from airgap.imagecache.folders import Folder, folders_of
from airgap.imagecache.medium import ROOT, Meter, Piece, padding, unmetered, write_pieces
from airgap.imagecache.tree import Content, Tree, size_of, stream

__all__ = ["VFAT_LABEL", "render_vfat", "write_vfat"]

VFAT_LABEL = "TALOS_CACHE"
"""A FAT label has at most 11 characters, so it cannot be an ISO's; Talos asks for `TALOS_` only."""

_MAX_FILE_BYTES = (1 << 32) - 1
_MAX_DIRECTORY_BYTES = 65_536 * ENTRY_BYTES  # what Linux calls FAT_MAX_DIR_SIZE
_MAX_SECTORS = (1 << 32) - 1
_MAX_NAME_UNITS = 255
_FORBIDDEN = frozenset('"*/:<>?\\|\x7f').union(map(chr, range(32)))
# Sectors of a cluster by the bytes to hold, as Microsoft's table for FAT32 has them.
_CLUSTERS = ((260 << 20, 1), (8 << 30, 8), (16 << 30, 16), (32 << 30, 32))
_BIGGEST_CLUSTER = 64
_PIECE_CLUSTERS = 2048


def write_vfat(path: Path, tree: Tree, *, meter: Meter = unmetered) -> None:
    """Write a tree as a FAT32 image, below `imagecache/`; the path shows all of it or what it did.

    Raises:
        IntegrityError: A file's bytes are not what the tree promises.
        PublishError: FAT32 cannot hold a name, a file or as much; or the disk refuses.
    """
    write_pieces(path, render_vfat(tree), meter=meter)


def render_vfat(tree: Tree) -> Iterator[Piece]:
    """Yield the image from its first byte to its last; as `write_vfat`, for any sink."""
    tree = tree.under(ROOT)
    files = dict(sorted(tree.files.items(), key=lambda item: item[0].encode()))
    folders = folders_of(tree)
    _refuse(folders, files)
    layout = _lay_out(folders, files)
    geometry = layout.geometry
    label = VFAT_LABEL.encode("ascii").ljust(11)
    yield boot_sectors(geometry, label, _serial(tree))
    for _ in range(FATS):
        yield from allocation_table(geometry, layout.runs)
    for folder in folders:
        directory = _directory(folder, files, layout)
        yield directory + padding(len(directory), geometry.cluster_bytes)
    for content in files.values():
        yield from stream(content)
        yield padding(size_of(content), geometry.cluster_bytes)
    yield from _free_space(geometry)


def _refuse(folders: list[Folder], files: Mapping[str, Content]) -> None:
    """Refuse what FAT32 cannot hold, before a byte is written."""
    for path, content in files.items():
        if size_of(content) > _MAX_FILE_BYTES:
            raise _refusal(path, f"{size_of(content)} bytes, at most {_MAX_FILE_BYTES} fit")
    for folder in folders:
        names: dict[str, str] = {}
        for name in folder.children:
            if fault := _name_fault(name):
                raise _refusal(folder.path_of(name), fault)
            if (other := names.setdefault(name.casefold(), name)) != name:
                raise _refusal(folder.path_of(name), f"{other} beside it differs in case only")


def _name_fault(name: str) -> str:
    if found := _FORBIDDEN.intersection(name):
        return f"a name cannot have {min(found)!r}"
    if name.endswith((".", " ")):
        return f"a name cannot end with {name[-1]!r}"
    if len(name.encode("utf-16-le")) > 2 * _MAX_NAME_UNITS:
        return f"a name has at most {_MAX_NAME_UNITS} UTF-16 units"
    return ""


def _refusal(path: str, fault: str) -> PublishError:
    return PublishError(f"{path} cannot be on a FAT32 volume: {fault}", hint="use an iso instead")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Which clusters are whose: directories come first, then files, each in one run."""

    geometry: Geometry
    runs: tuple[int, ...]
    folders: Mapping[str, int]
    files: Mapping[str, int]


def _lay_out(folders: list[Folder], files: Mapping[str, Content]) -> _Layout:
    nowhere = _Layout(
        geometry=Geometry(cluster_sectors=1, clusters=0, used=0),
        runs=(),
        folders={folder.path: 0 for folder in folders},
        files=dict.fromkeys(files, 0),
    )
    tables = {folder.path: len(_directory(folder, files, nowhere)) for folder in folders}
    if big := next((path for path in tables if tables[path] > _MAX_DIRECTORY_BYTES), None):
        raise _refusal(big, "too many names in one directory")
    sizes = {path: size_of(content) for path, content in files.items()}
    sectors = _cluster_sectors(sum(sizes.values()) + sum(tables.values()))
    counts = [-(-size // (sectors * SECTOR_BYTES)) for size in (*tables.values(), *sizes.values())]
    clusters = itertools.accumulate(counts, initial=FIRST_CLUSTER)
    starts = [start if count else 0 for start, count in zip(clusters, counts, strict=False)]
    used = sum(counts)
    geometry = Geometry(cluster_sectors=sectors, clusters=max(used, MIN_CLUSTERS), used=used)
    if geometry.sectors > _MAX_SECTORS:
        raise _refusal(ROOT, f"{geometry.sectors} sectors, at most {_MAX_SECTORS} fit")
    return _Layout(
        geometry=geometry,
        runs=tuple(filter(None, counts)),
        folders=dict(zip(tables, starts, strict=False)),
        files=dict(zip(sizes, starts[len(tables) :], strict=True)),
    )


def _cluster_sectors(size: int) -> int:
    return next((sectors for bytes_, sectors in _CLUSTERS if size <= bytes_), _BIGGEST_CLUSTER)


def _directory(folder: Folder, files: Mapping[str, Content], layout: _Layout) -> bytes:
    """Return a directory's entries: the label or itself and its parent, then its children."""
    if folder.parent is None:
        entries = [label_entry(VFAT_LABEL.encode("ascii"))]
    else:
        # The root is cluster 0 for those who are in it, wherever it lies.
        above = layout.folders[folder.parent.path] if folder.parent.parent else 0
        entries = [
            directory_entry(b".".ljust(11), layout.folders[folder.path], None),
            directory_entry(b"..".ljust(11), above, None),
        ]
    for name, short in zip(folder.children, _short_names(folder.children), strict=False):
        path = folder.path_of(name)
        entries.append(long_entries(name, short))
        if path in files:
            entry = directory_entry(short, layout.files[path], size_of(files[path]))
        else:
            entry = directory_entry(short, layout.folders[path], None)
        entries.append(entry)
    return b"".join(entries)


def _short_names(names: tuple[str, ...]) -> Iterator[bytes]:
    """Yield a short name for each long one that is nobody's long name: both are one name space."""
    taken = {name.upper() for name in names}
    for position in itertools.count():
        short = short_name(position)
        if short.decode("ascii").rstrip() not in taken:
            yield short


def _serial(tree: Tree) -> int:
    """Return the volume's serial number, which is another one where anything else is."""
    known = hashlib.sha256()
    for path in tree.all_directories():
        known.update(f"{path}/\0".encode())
    for path, content in sorted(tree.files.items()):
        digest = sha256_of(content) if isinstance(content, bytes) else content.digest
        known.update(f"{path}\0{digest}\0".encode())
    return int.from_bytes(known.digest()[:4], "little")


def _free_space(geometry: Geometry) -> Iterator[bytes]:
    piece = bytes(_PIECE_CLUSTERS * geometry.cluster_bytes)
    free = geometry.clusters - geometry.used
    for _ in range(free // _PIECE_CLUSTERS):
        yield piece
    yield piece[: free % _PIECE_CLUSTERS * geometry.cluster_bytes]
