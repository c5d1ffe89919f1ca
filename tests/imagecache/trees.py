"""File trees for tests: any that a medium can hold."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hypothesis import strategies as st

from airgap.digest import sha256_of
from airgap.imagecache.tree import Content, StoredFile, Tree

__all__ = ["FAT_BASIC_CHARACTERS", "FAT_CHARACTERS", "reordered", "stored", "trees"]

_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="/\0")
# A dot is allowed, but not as the last character.
_NOT_ON_FAT = '"*/:<>?\\|.'
FAT_CHARACTERS = st.characters(
    min_codepoint=33, exclude_categories=["Cs", "Cc"], exclude_characters=_NOT_ON_FAT
)
FAT_BASIC_CHARACTERS = st.characters(
    min_codepoint=33,
    max_codepoint=0xFFFF,
    exclude_categories=["Cs", "Cc"],
    exclude_characters=_NOT_ON_FAT,
)
"""Those of one UTF-16 unit: all that mtools 4.0.32 has."""

_SIZES = st.one_of(st.integers(0, 3), st.integers(500, 520), st.integers(2040, 2060))


def _names(characters: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lengths = st.one_of(st.integers(1, 12), st.integers(150, 253))
    texts = lengths.flatmap(lambda size: st.text(characters, min_size=1, max_size=size))
    cut = texts.map(lambda text: text.encode()[:253].decode(errors="ignore"))
    return cut.filter(lambda name: name not in ("", ".", ".."))


@st.composite
def trees(
    draw: st.DrawFn, characters: st.SearchStrategy[str] = _CHARACTERS, *, folded: bool = False
) -> Tree:
    """Draw a tree: deep and flat, empty directories and files, names up to 253 bytes.

    Args:
        draw: Hypothesis'.
        characters: What names are made of.
        folded: Whether names that differ in case only are one.
    """
    names = _names(characters)
    pool = draw(st.lists(names, min_size=1, max_size=8, unique_by=str.casefold if folded else None))
    paths = st.lists(st.sampled_from(pool), min_size=1, max_size=12).map("/".join)
    files: dict[str, Content] = {}
    directories: set[str] = set()
    for path in draw(st.lists(paths, max_size=12, unique=True)):
        if _fits(path, files, directories):
            files[path] = bytes([len(files) + 1]) * draw(_SIZES)
            directories.update(_above(path))
    empty = [path for path in draw(st.lists(paths, max_size=4)) if _fits(path, files, set())]
    return Tree(files=files, directories=frozenset(empty))


def _fits(path: str, files: Iterable[str], directories: set[str]) -> bool:
    return path not in directories and not {path, *_above(path)}.intersection(files)


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def reordered(tree: Tree) -> Tree:
    """Return an equal tree whose files are named in the other order."""
    return Tree(
        files={path: tree.files[path] for path in sorted(tree.files, reverse=True)},
        directories=frozenset(sorted(tree.directories, reverse=True)),
    )


def stored(folder: Path, name: str, data: bytes) -> StoredFile:
    """Write a file, and return it as a tree's content."""
    path = folder / name
    path.write_bytes(data)
    return StoredFile(path=path, size=len(data), digest=sha256_of(data))
