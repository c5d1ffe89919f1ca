"""A tree as a tar, piece by piece: always the same bytes for the same tree.

POSIX.1-1988 (ustar) headers, extended ones (POSIX.1-2001, pax) for what they cannot say. Every
directory has an entry before what is in it, and no path comes twice: Talos' imager unpacks with
`mkdir` of one level and refuses files that are there (pkg/archiver at v1.11.5).
"""

from __future__ import annotations

from collections.abc import Iterator

from airgap.imagecache.tree import Content, Tree, size_of, stream

__all__ = ["END", "archive_size", "file_header", "folder_header", "pack", "padding"]

BLOCK = 512
END = b"\0" * (2 * BLOCK)
"""Two empty blocks."""

_FILE_MODE, _DIRECTORY_MODE = 0o644, 0o755
_NAME_BYTES, _PREFIX_BYTES = 100, 155
_MAX_SIZE = 8**11 - 1
"""What eleven octal digits can say."""


def pack(tree: Tree) -> Iterator[bytes | memoryview]:
    """Yield the tar's bytes; each piece is gone when the next one is asked for.

    Raises:
        IntegrityError: A stored file has other bytes than it should.
        PublishError: A stored file cannot be read.
    """
    for path, content in _entries(tree):
        if content is None:
            yield folder_header(path)
            continue
        size = size_of(content)
        yield file_header(path, size)
        yield from stream(content)
        yield padding(size)
    yield END


def archive_size(tree: Tree) -> int:
    """Return how many bytes `pack` gives."""
    headers = sum(len(folder_header(path)) for path in tree.all_directories())
    for path, content in tree.files.items():
        size = size_of(content)
        headers += len(file_header(path, size)) + size + len(padding(size))
    return headers + len(END)


def file_header(path: str, size: int) -> bytes:
    """Return what stands before a file's bytes."""
    return _extended(path, size) + _header(path, size, "0", _FILE_MODE)


def folder_header(path: str) -> bytes:
    """Return a directory's entry: without a slash at its end, as talosctl writes it."""
    return _extended(path, 0) + _header(path, 0, "5", _DIRECTORY_MODE)


def padding(size: int) -> bytes:
    """Return what fills a file's last block."""
    return b"\0" * (-size % BLOCK)


def _entries(tree: Tree) -> Iterator[tuple[str, Content | None]]:
    entries: dict[str, Content | None] = dict.fromkeys(tree.all_directories())
    yield from sorted({**entries, **tree.files}.items(), key=lambda item: item[0].encode())


def _header(path: str, size: int, kind: str, mode: int) -> bytes:
    prefix, name = _split(path.encode()) or (b"", path.encode()[:_NAME_BYTES])
    fields = b"".join(
        (
            name.ljust(_NAME_BYTES, b"\0"),
            _octal(mode, 8) + _octal(0, 8) + _octal(0, 8),
            _octal(min(size, _MAX_SIZE), 12) + _octal(0, 12),
            b" " * 8,  # the checksum counts as spaces
            kind.encode().ljust(101, b"\0"),
            b"ustar\x0000".ljust(72, b"\0"),
            _octal(0, 8) + _octal(0, 8),
            prefix.ljust(_PREFIX_BYTES, b"\0"),
        )
    ).ljust(BLOCK, b"\0")
    checksum = b"%06o\0 " % sum(fields)
    return fields[:148] + checksum + fields[156:]


def _octal(number: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, number)


def _split(path: bytes) -> tuple[bytes, bytes] | None:
    """Part a path into prefix and name; None where it does not fit."""
    if len(path) <= _NAME_BYTES:
        return b"", path
    place = path.rfind(b"/", 0, _PREFIX_BYTES + 1)
    if place <= 0 or not 0 < len(path) - place - 1 <= _NAME_BYTES:
        return None
    return path[:place], path[place + 1 :]


def _extended(path: str, size: int) -> bytes:
    """Return the entry before an entry that says what a header cannot, or nothing."""
    records = b""
    if _split(path.encode()) is None:
        records += _record("path", path)
    if size > _MAX_SIZE:
        records += _record("size", str(size))
    if not records:
        return b""
    return _header("pax", len(records), "x", _FILE_MODE) + records + padding(len(records))


def _record(key: str, value: str) -> bytes:
    """Return `<length> <key>=<value>\n`; the length counts itself."""
    rest = f" {key}={value}\n".encode()
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return str(length).encode() + rest
