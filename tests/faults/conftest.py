"""A place for stores, and the process that forks those to be killed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.victim import Nursery, nursery


@pytest.fixture(scope="module")
def victims() -> Iterator[Nursery]:
    with nursery() as found:
        yield found


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: a sync takes long on a busy disk, and proves nothing.

    What a sync is for is proved with the double of `tests/store/power.py`.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as found:
        yield Path(found)
