"""What all media have in common, and how one becomes a file.

Talos (1.9 to 1.13, `image_cache_config.go`) looks for a volume that is iso9660 or vfat and whose
label starts with `TALOS_`, and reads the cache from its directory `imagecache`. It takes the first
such volume: Talos' own boot ISO has such a label too, so no machine may see both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from airgap.errors import PublishError
from airgap.store.partial import partial_file, refuse, sweep

__all__ = ["LABEL", "ROOT", "Meter", "Piece", "padding", "unmetered", "write_pieces"]

LABEL = "TALOS_IMAGECACHE"
ROOT = "imagecache"

Piece = bytes | memoryview
Meter = Callable[[int], object]
"""Told how many bytes were written since it was told last."""


def unmetered(_: int) -> None:
    """Tell nobody."""


def padding(size: int, unit: int) -> bytes:
    """Return the zeros between the end of `size` bytes and the next multiple of `unit`."""
    return bytes(-size % unit)


def write_pieces(destination: Path, pieces: Iterable[Piece], *, meter: Meter = unmetered) -> None:
    """Make a file of these bytes visible at a path, whole, or leave the path as it was.

    Raises:
        IntegrityError: A piece's source is not what was promised.
        PublishError: The disk refuses.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        if destination.is_dir():
            raise PublishError(f"{destination} is a directory", hint="move it out of the way")
        sweep(destination.parent)
    except OSError as error:
        raise refuse(destination.parent, error) from error
    with partial_file(destination.parent) as partial:
        for piece in pieces:
            partial.write(piece)
            meter(len(piece))
        partial.commit(destination)
