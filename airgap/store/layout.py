"""The directory of a store: OCI image layout 1.0.0 (image specification v1.1, image-layout.md).

`oci-layout`, `index.json` and `blobs/<algorithm>/<hex>` are the specification's. Ours beside them:
`.partial/` (what is being written) and `.lock` (flock: one writer of index.json at a time).
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

__all__ = ["BLOBS", "INDEX", "LOCK", "MARKER", "PARTIAL", "locked", "open_layout"]

MARKER = "oci-layout"
INDEX = "index.json"
BLOBS = "blobs"
PARTIAL = ".partial"
LOCK = ".lock"
LAYOUT_VERSION = "1.0.0"
_OURS = {MARKER, INDEX, BLOBS, PARTIAL, LOCK}
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
    try:
        descriptor = os.open(root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise refuse(root / LOCK, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
