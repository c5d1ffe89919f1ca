"""The directory of a store: OCI image layout 1.0.0 (image specification v1.1, image-layout.md).

`oci-layout`, `index.json` and `blobs/<algorithm>/<hex>` are the specification's. Ours beside them:
`.partial/` (what is being written), `.lock` (flock: one writer of index.json at a time) and `.busy`
(flock: shared by whoever brings what is named only once it is whole, alone for whoever collects).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airgap.errors import PublishError
from airgap.store.partial import refuse, replace_bytes, sweep, sync_directory

__all__ = [
    "BLOBS",
    "INDEX",
    "LOCK",
    "MARKER",
    "PARTIAL",
    "collecting",
    "filling",
    "locked",
    "open_layout",
]

MARKER = "oci-layout"
INDEX = "index.json"
BLOBS = "blobs"
PARTIAL = ".partial"
LOCK = ".lock"
BUSY = ".busy"
LAYOUT_VERSION = "1.0.0"
_OURS = {MARKER, INDEX, BLOBS, PARTIAL, LOCK, BUSY}
_FETCH = "fill the store with `python -m airgap fetch <site>`, or set AIRGAP_STORE to the right one"


def open_layout(root: Path, *, create: bool) -> None:
    """Check that a directory is a store; with `create`, make it one and sweep partial files.

    Raises:
        PublishError: There is no store (the hint names `fetch`), it has another version, or the
            directory holds other things and none is made there.
    """
    if create:
        _create(root)
        sweep(root / PARTIAL)
    try:
        marker: object = json.loads((root / MARKER).read_bytes())
    except FileNotFoundError:
        raise PublishError(f"{root} is no content store", hint=_FETCH) from None
    except (OSError, ValueError) as error:
        raise PublishError(f"{root / MARKER} cannot be read: {error}", hint=_FETCH) from None
    version = marker.get("imageLayoutVersion") if isinstance(marker, dict) else None
    if version != LAYOUT_VERSION:
        raise PublishError(f"{root}: OCI image layout version {version!r}, not {LAYOUT_VERSION}")


def _create(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not (root / MARKER).exists():
            _refuse_foreign(root)
        for name in (PARTIAL, f"{BLOBS}/sha256"):
            (root / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refuse(root, error) from error
    if (root / MARKER).exists():
        return
    with locked(root):
        _write_layout(root)


def _write_layout(root: Path) -> None:
    """Write index.json first and the marker last: with the marker, the layout is complete."""
    if not (root / INDEX).exists():
        empty = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [],
        }
        _write(root, INDEX, empty)
    if not (root / MARKER).exists():
        _write(root, MARKER, {"imageLayoutVersion": LAYOUT_VERSION})
    sync_directory(root.parent)


def _write(root: Path, name: str, document: object) -> None:
    data = json.dumps(document, indent=2).encode() + b"\n"
    replace_bytes(root / name, data, mode=0o644, staging=root / PARTIAL)


def _refuse_foreign(root: Path) -> None:
    foreign = sorted({path.name for path in root.iterdir()} - _OURS)
    if foreign:
        raise PublishError(
            f"{root} is no content store and holds other things ({foreign[0]})",
            hint="name an empty directory",
        )


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the store's lock: across processes, and across threads of one process.

    Raises:
        PublishError: The store cannot be written to.
    """
    with _flock(root / LOCK, fcntl.LOCK_EX):
        yield


@contextmanager
def filling(root: Path) -> Iterator[None]:
    """Hold off `collecting` while content comes that nothing names yet; any number may do so.

    Raises:
        PublishError: The store cannot be written to.
    """
    with _flock(root / BUSY, fcntl.LOCK_SH):
        yield


@contextmanager
def collecting(root: Path) -> Iterator[None]:
    """Have nobody fill the store.

    Raises:
        PublishError: Somebody does at the moment, or the store cannot be written to.
    """
    try:
        with _flock(root / BUSY, fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield
    except BlockingIOError:
        raise PublishError(
            f"{root}: content is being brought into it, which nothing names before it is whole",
            hint="wait until the other process (fetch, store add, mirror) is done, then try again",
        ) from None


@contextmanager
def _flock(path: Path, operation: int) -> Iterator[None]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise refuse(path, error) from error
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)
