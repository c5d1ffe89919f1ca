"""Files that a command writes for its user: new ones, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from airgap.errors import PublishError

__all__ = ["write_new"]


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that was not there.

    Raises:
        PublishError: It was, or it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise PublishError(f"{path}: is there already", hint="nothing is overwritten") from None
    except OSError as error:
        raise PublishError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise PublishError(f"{path}: cannot be written: {error.strerror}") from None
