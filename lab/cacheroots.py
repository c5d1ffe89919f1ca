"""Where a registryd looks: directories on disk, or trees that nobody has written yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from airgap.imagecache.tree import Tree, stream

__all__ = ["CacheFile", "CacheRoot", "open_root"]

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFile:
    """A file of a cache; `pieces` reads it anew at each call."""

    pieces: Callable[[], Iterator[bytes | memoryview]]


class CacheRoot(Protocol):
    """A directory tree. Paths are relative and plain."""

    def file(self, path: str) -> CacheFile | None:
        """Return a file, or None where there is none."""

    def is_directory(self, path: str) -> bool:
        """Tell whether there is a directory."""

    def names(self, path: str) -> list[str]:
        """Name what is in a directory, sorted; nothing where there is none."""


def open_root(root: Path | Tree) -> CacheRoot:
    """Return what looks into a directory on disk, or into a tree."""
    return _OnDisk(root) if isinstance(root, Path) else _InMind(root)


class _OnDisk:
    def __init__(self, root: Path) -> None:
        self._root = root

    def file(self, path: str) -> CacheFile | None:
        found = self._root / path
        return CacheFile(pieces=lambda: _read(found)) if found.is_file() else None

    def is_directory(self, path: str) -> bool:
        return (self._root / path).is_dir()

    def names(self, path: str) -> list[str]:
        folder = self._root / path
        return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []


class _InMind:
    def __init__(self, tree: Tree) -> None:
        self._files = tree.files
        self._directories = tree.all_directories()

    def file(self, path: str) -> CacheFile | None:
        content = self._files.get(path)
        return None if content is None else CacheFile(pieces=lambda: stream(content))

    def is_directory(self, path: str) -> bool:
        return path in self._directories

    def names(self, path: str) -> list[str]:
        paths = (each.rpartition("/") for each in (*self._files, *self._directories))
        return sorted({name for parent, _, name in paths if parent == path})


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece
