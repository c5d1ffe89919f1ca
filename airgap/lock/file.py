"""The door to the disk: the one place that reads and writes lock files."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from airgap.errors import Fault, LockError, PublishError
from airgap.lock.model import Lock
from airgap.lock.text import format_lock, mend_hint, parse_lock

__all__ = ["read_lock", "write_lock"]

_MAX_BYTES = 64 * 1024 * 1024


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        LockError: It is missing, unreadable or wrong.
    """
    site = path.name.removesuffix(".lock.json")
    hint = mend_hint(site)
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        fault = Fault(path="file", message="there is no lock")
        run_lock = f"run: python -m airgap lock {site}"
        raise LockError(str(path), [fault], hint=run_lock) from None
    except OSError as error:
        fault = Fault(path="file", message=str(error.strerror))
        raise LockError(str(path), [fault]) from None
    if len(data) > _MAX_BYTES:
        raise LockError(str(path), [Fault(path="file", message="larger than 64 MiB")], hint=hint)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise LockError(str(path), [Fault(path="file", message="not UTF-8")], hint=hint) from None
    return parse_lock(text, source=str(path), name=site)


def write_lock(path: Path, lock: Lock) -> None:
    """Write a lock file: the old one or the new one is there at any time, whole.

    Raises:
        PublishError: The directory cannot be written.
    """
    data = format_lock(lock).encode()
    try:
        _replace(path, data)
    except OSError as error:
        raise PublishError(f"{path}: cannot write the lock: {error.strerror}") from error


def _replace(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
