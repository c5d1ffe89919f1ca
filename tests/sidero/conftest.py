"""Where Sidero's own definitions are, beside the checkout; their absence is said."""

from __future__ import annotations

from pathlib import Path

import pytest

__all__: list[str] = []

_FOLDER = Path(__file__).resolve().parents[3] / "shared" / "crds"


@pytest.fixture
def sidero_crds() -> Path | None:
    """The folder of `metal.sidero.dev_<plural>.yaml`, or None."""
    return _FOLDER if _FOLDER.is_dir() else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that the definitions were compared by their digest alone."""
    if not _FOLDER.is_dir():
        message = f"absent: Sidero's own definitions ({_FOLDER}); compared by digest alone"
        terminalreporter.write_line(message, yellow=True)
