"""Where Sidero's own definitions are, beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import SIDEROS_OWN

__all__: list[str] = []


@pytest.fixture
def sidero_crds() -> Path | None:
    """The folder of `metal.sidero.dev_<plural>.yaml`, or None."""
    return SIDEROS_OWN if SIDEROS_OWN.is_dir() else None
