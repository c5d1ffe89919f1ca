"""A directory tree that is going to be written: paths, and where the bytes of each file are.

A value: it reads no file until a writer streams one, and then each byte once, hashed as it goes by.
Paths are POSIX and relative; a file's directories are implied, and a directory that holds nothing
is named of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airgap.digest import Digest
from airgap.errors import IntegrityError, PublishError
from airgap.store.hashing import BUFFER_BYTES, Hasher
from airgap.store.partial import refuse

__all__ = ["NAME_BYTES", "Content", "StoredFile", "Tree", "size_of", "stream"]

NAME_BYTES = 255
"""What Linux (NAME_MAX) and each of the media take as one name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file whose bytes stay where they are, such as a blob of the store, and which they are."""

    path: Path
    size: int
    digest: Digest


Content = bytes | StoredFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Files by path, and directories that there are whether or not a file is in them.

    Raises:
        PublishError: A path is not relative, holds an empty, `.`, `..` or overlong name, or is both
            a file's and a directory's.
    """

    files: Mapping[str, Content]
    directories: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        """Refuse a tree that no file system could hold."""
        for path in (*self.files, *self.directories):
            if fault := _fault(path):
                raise PublishError(f"{path!r} is no path for a file tree: {fault}")
        for path in self.all_directories():
            if path in self.files:
                raise PublishError(f"{path!r} is a file and a directory in one file tree")

    def all_directories(self) -> tuple[str, ...]:
        """Return every directory, named and implied, sorted by bytes: parents come first."""
        found = set(self.directories)
        for path in (*self.files, *self.directories):
            while (path := path.rpartition("/")[0]) and path not in found:
                found.add(path)
        return tuple(sorted(found, key=str.encode))

    def under(self, directory: str) -> Tree:
        """Return the same tree one directory lower."""
        return Tree(
            files={f"{directory}/{path}": content for path, content in self.files.items()},
            directories=frozenset({directory, *(f"{directory}/{d}" for d in self.directories)}),
        )

    @property
    def size_bytes(self) -> int:
        """How many bytes all files have."""
        return sum(map(size_of, self.files.values()))


def size_of(content: Content) -> int:
    """Return how many bytes a file has, or is promised to have."""
    return len(content) if isinstance(content, bytes) else content.size


def stream(content: Content) -> Iterator[memoryview]:
    """Yield a file's bytes in big pieces; each is gone when the next one is asked for.

    Raises:
        IntegrityError: They are not the promised bytes; known after the last of them.
        PublishError: The file is absent or cannot be read.
    """
    if isinstance(content, bytes):
        yield memoryview(content)
        return
    try:
        yield from _read(content)
    except FileNotFoundError:
        raise PublishError(
            f"{content.digest} is not in the store",
            hint="run `python -m airgap fetch <site>` outside",
        ) from None
    except OSError as error:
        raise refuse(content.path, error) from error


def _read(stored: StoredFile) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(min(BUFFER_BYTES, stored.size + 1)))
    hasher = Hasher()
    with stored.path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            hasher.update(buffer[:count])
            if hasher.size > stored.size:
                break  # a writer has laid out room for the promised bytes only
            yield buffer[:count]
    found = hasher.digests()
    if (found.size, found.sha256) != (stored.size, stored.digest):
        raise IntegrityError(
            f"{stored.path}: {found.size} bytes with {found.sha256},"
            f" expected {stored.size} with {stored.digest}",
            hint="the store is damaged: run `python -m airgap fetch <site> --rehash` outside",
        )


def _fault(path: str) -> str:
    for name in path.split("/"):
        if name in ("", ".", ".."):
            return "it is not relative and plain"
        encoded = name.encode(errors="replace")
        if "\0" in name or len(encoded) > NAME_BYTES or encoded.decode() != name:
            return f"a name has a NUL, more than {NAME_BYTES} bytes or is no Unicode"
    return ""
