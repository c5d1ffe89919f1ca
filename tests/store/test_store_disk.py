"""The room for a blob is known before its first byte, whatever the file system."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap.store.disk import Disk


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "blob", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def test_room_on_a_disk_is_taken(descriptor: int) -> None:
    Disk().reserve(descriptor, 8 * 2**20)
    assert os.fstat(descriptor).st_blocks * 512 >= 8 * 2**20


def test_file_system_without_a_disk_is_asked_and_takes_nothing(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """stat(2): the major number is 0 for what has no device (memory, network, overlay)."""
    monkeypatch.setattr(os, "major", lambda _: 0)
    Disk().reserve(descriptor, 8 * 2**20)
    assert os.fstat(descriptor).st_blocks == 0
    with pytest.raises(OSError, match="No space left") as caught:
        Disk().reserve(descriptor, 2**60)
    assert caught.value.errno == errno.ENOSPC
