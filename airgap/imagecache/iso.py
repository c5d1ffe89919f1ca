"""An image cache as a CD: ISO 9660 with Rock Ridge, of any depth, with files of any size.

The same tree gives the same bytes on any machine: nothing in them is a time, a user or an order of
the disk's. Names for readers without Rock Ridge are numbers; Linux, and so Talos, always reads it.
Directories lie as deep as they are (no relocation): 6.8.2.1's limit of eight levels is not kept, as
no reader of today asks for it. Why this is ours: pycdlib takes times from the clock, moves deep
directories away, and keeps an object of its own for each record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from airgap.errors import PublishError
from airgap.imagecache.ecma119 import (
    BLOCK_BYTES,
    FIRST_BLOCK,
    IS_CONTINUED,
    IS_DIRECTORY,
    Extent,
    Volume,
    continuation,
    directory_record,
    extension_reference,
    name_entries,
    path_record,
    posix_entry,
    primary_descriptor,
    sharing_protocol,
    terminator,
)
from airgap.imagecache.folders import Folder, folders_of
from airgap.imagecache.medium import LABEL, ROOT, Meter, Piece, padding, unmetered, write_pieces
from airgap.imagecache.tree import Content, Tree, size_of, stream

__all__ = ["render_iso", "write_iso"]

_DIRECTORY_MODE = 0o040555
_FILE_MODE = 0o100444
_MAX_RECORD_BYTES = 254  # of even length, and its length in one byte (9.1.1)
_FIXED_RECORD_BYTES = 33
_MAX_SECTION_BYTES = (1 << 32) - BLOCK_BYTES  # whole blocks, and its size in 32 bits (9.1.4)
_MAX_FOLDERS = (1 << 16) - 1  # a path table has 16 bits for a parent's number (9.4.4)
_MAX_BLOCKS = (1 << 32) - 1
_MAX_NAME_BYTES = 253  # Linux cuts longer names off, or at a NM entry's end (fs/isofs/rock.c)


def write_iso(path: Path, tree: Tree, *, meter: Meter = unmetered) -> None:
    """Write a tree as a CD image, below `imagecache/`; the path shows all of it or what it showed.

    Raises:
        IntegrityError: A file's bytes are not what the tree promises.
        PublishError: The tree is too big for the format, a name is too long, or the disk refuses.
    """
    write_pieces(path, render_iso(tree), meter=meter)


def render_iso(tree: Tree) -> Iterator[Piece]:
    """Yield the CD image from its first byte to its last; as `write_iso`, for any sink."""
    tree = tree.under(ROOT)
    files = dict(sorted(tree.files.items(), key=lambda item: item[0].encode()))
    folders = folders_of(tree)
    _refuse(folders)
    layout = _lay_out(folders, files)
    yield from _descriptors(folders, layout)
    yield from _directories(folders, files, layout)
    for content in files.values():
        yield from stream(content)
        yield padding(size_of(content), BLOCK_BYTES)


def _refuse(folders: list[Folder]) -> None:
    """Refuse what a CD, or Linux reading one, cannot hold."""
    if len(folders) > _MAX_FOLDERS:
        raise PublishError(f"{len(folders)} directories; an ISO 9660 volume has {_MAX_FOLDERS}")
    for folder in folders:
        for name in folder.children:
            if len(name.encode()) > _MAX_NAME_BYTES:
                raise PublishError(
                    f"{folder.path_of(name)}: {len(name.encode())} bytes of name;"
                    f" Linux reads {_MAX_NAME_BYTES} from a CD"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where everything is, in blocks; nothing is anywhere yet when sizes are being found out."""

    rests: int = 0
    folders: Mapping[str, Extent]
    files: Mapping[str, int]
    path_table_bytes: int = 0
    blocks: int = 0

    @property
    def path_table_blocks(self) -> int:
        return _blocks(self.path_table_bytes)


def _lay_out(folders: list[Folder], files: Mapping[str, Content]) -> _Layout:
    """Decide what lies where: path tables, rests of records, directories, files, in that order."""
    nowhere = _Layout(
        folders={folder.path: Extent(block=0, size=0) for folder in folders},
        files=dict.fromkeys(files, 0),
    )
    rests, *records = map(len, _directories(folders, files, nowhere))
    path_table_bytes = len(_path_table(folders, nowhere, big_endian=False))
    first_rest = FIRST_BLOCK + 2 + 2 * _blocks(path_table_bytes)
    block = first_rest + _blocks(rests)
    extents, starts = {}, {}
    for folder, size in zip(folders, records, strict=True):
        extents[folder.path] = Extent(block=block, size=size)
        block += _blocks(size)
    for path, content in files.items():
        starts[path] = block if size_of(content) else 0
        block += _blocks(size_of(content))
    if block > _MAX_BLOCKS:
        raise PublishError(f"{block} blocks; an ISO 9660 volume has {_MAX_BLOCKS}")
    return _Layout(
        rests=first_rest,
        folders=extents,
        files=starts,
        path_table_bytes=path_table_bytes,
        blocks=block,
    )


def _blocks(size: int) -> int:
    return -(-size // BLOCK_BYTES)


def _descriptors(folders: list[Folder], layout: _Layout) -> Iterator[bytes]:
    little = FIRST_BLOCK + 2
    volume = Volume(
        label=LABEL,
        blocks=layout.blocks,
        root=directory_record(b"\0", layout.folders[""], IS_DIRECTORY, b""),
        path_table_bytes=layout.path_table_bytes,
        path_table=little,
        path_table_big_endian=little + layout.path_table_blocks,
    )
    yield bytes(FIRST_BLOCK * BLOCK_BYTES)
    yield primary_descriptor(volume)
    yield terminator()
    for big_endian in (False, True):
        table = _path_table(folders, layout, big_endian=big_endian)
        yield table + padding(len(table), BLOCK_BYTES)


def _path_table(folders: list[Folder], layout: _Layout, *, big_endian: bool) -> bytes:
    return b"".join(
        path_record(
            _identifier(folder.position) if folder.parent else b"\0",
            layout.folders[folder.path].block,
            folder.parent.number if folder.parent else folder.number,
            big_endian=big_endian,
        )
        for folder in folders
    )


def _directories(
    folders: list[Folder], files: Mapping[str, Content], layout: _Layout
) -> Iterator[bytes]:
    """Yield the rests of records that are too long, then each directory; all in whole blocks."""
    writer = _RecordWriter(folders, files, layout)
    rendered = [writer.folder(folder) for folder in folders]
    yield writer.rests
    yield from rendered


class _RecordWriter:
    """Renders directories; `rests` is what did not fit into their records."""

    def __init__(
        self, folders: list[Folder], files: Mapping[str, Content], layout: _Layout
    ) -> None:
        self._folders = {folder.path: folder for folder in folders}
        self._files = files
        self._serials = {path: serial for serial, path in enumerate(files, len(folders) + 1)}
        self._layout = layout
        self._rests = bytearray()

    @property
    def rests(self) -> bytes:
        return bytes(self._rests) + padding(len(self._rests), BLOCK_BYTES)

    def folder(self, folder: Folder) -> bytes:
        """Render a directory: itself, its parent, and what is in it by number (9.3)."""
        own = self._posix(folder)
        if folder.parent is None:
            own = sharing_protocol() + own + self._continued(extension_reference())
        parent = folder.parent or folder
        directory = bytearray(self._record(b"\0", folder, own))
        directory += self._record(b"\1", parent, self._posix(parent))
        for position, child in enumerate(folder.children):
            for record in self._child(folder.path_of(child), child, _identifier(position)):
                if len(directory) % BLOCK_BYTES + len(record) > BLOCK_BYTES:  # 6.8.1.1
                    directory += padding(len(directory), BLOCK_BYTES)
                directory += record
        return bytes(directory) + padding(len(directory), BLOCK_BYTES)

    def _child(self, path: str, name: str, identifier: bytes) -> Iterator[bytes]:
        if child := self._folders.get(path):
            system_use = self._system_use(identifier, self._posix(child), name)
            yield self._record(identifier, child, system_use)
            return
        posix = posix_entry(_FILE_MODE, 1, self._serials[path])
        identifier += b".;1"
        system_use = self._system_use(identifier, posix, name)
        for extent, flags in _sections(self._layout.files[path], size_of(self._files[path])):
            yield directory_record(identifier, extent, flags, system_use)

    def _record(self, identifier: bytes, folder: Folder, system_use: bytes) -> bytes:
        extent = self._layout.folders[folder.path]
        return directory_record(identifier, extent, IS_DIRECTORY, system_use)

    def _posix(self, folder: Folder) -> bytes:
        return posix_entry(_DIRECTORY_MODE, 2 + folder.subfolders, folder.number)

    def _system_use(self, identifier: bytes, posix: bytes, name: str) -> bytes:
        names = name_entries(name.encode())
        room = _MAX_RECORD_BYTES - _FIXED_RECORD_BYTES - len(identifier) - 1
        if len(posix) + len(names) > room:
            names = self._continued(names)
        return posix + names

    def _continued(self, entries: bytes) -> bytes:
        """Put entries among the rests, in one block as Linux wants it; return what refers there."""
        if len(self._rests) % BLOCK_BYTES + len(entries) > BLOCK_BYTES:
            self._rests += padding(len(self._rests), BLOCK_BYTES)
        block, offset = divmod(len(self._rests), BLOCK_BYTES)
        self._rests += entries
        return continuation(self._layout.rests + block, offset, len(entries))


def _identifier(position: int) -> bytes:
    """Return a name of d-characters (7.4.1); as many for each, so they sort like the positions."""
    return b"%08X" % position


def _sections(block: int, size: int) -> Iterator[tuple[Extent, int]]:
    """Yield a file's sections (6.5): one, unless the size of one does not fit into 32 bits."""
    while size > _MAX_SECTION_BYTES:
        yield Extent(block=block, size=_MAX_SECTION_BYTES), IS_CONTINUED
        block += _blocks(_MAX_SECTION_BYTES)
        size -= _MAX_SECTION_BYTES
    yield Extent(block=block, size=size), 0
