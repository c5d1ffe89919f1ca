"""A tree's directories, numbered and with what is in each, in one order for all media."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from airgap.imagecache.tree import Tree

__all__ = ["Folder", "folders_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A directory.

    Attributes:
        path: From the tree's root, which is "" itself.
        number: From 1; level by level, in one level by the parents' numbers, then by name.
        position: Its place among its parent's children, from 0.
        parent: None for the root.
        children: Names of files and directories, sorted by bytes.
        subfolders: How many of them are directories.
    """

    path: str
    number: int
    position: int
    parent: Folder | None
    children: tuple[str, ...]
    subfolders: int

    def path_of(self, child: str) -> str:
        """Return a child's path from the tree's root."""
        return f"{self.path}/{child}" if self.path else child


def folders_of(tree: Tree) -> list[Folder]:
    """Return every directory of a tree by number, the root first."""
    directories = set(tree.all_directories())
    names = defaultdict[str, list[str]](list)
    for path in (*directories, *tree.files):
        parent, _, name = path.rpartition("/")
        names[parent].append(name)
    found: list[Folder] = []
    waiting: list[tuple[str, int, Folder | None]] = [("", 0, None)]
    for path, position, above in waiting:  # grows while it is walked: level by level
        children = tuple(sorted(names[path], key=str.encode))
        paths = (f"{path}/{name}" if path else name for name in children)
        below = [(child, at) for at, child in enumerate(paths) if child in directories]
        folder = Folder(
            path=path,
            number=len(found) + 1,
            position=position,
            parent=above,
            children=children,
            subfolders=len(below),
        )
        found.append(folder)
        waiting += [(child, at, folder) for child, at in below]
    return found
