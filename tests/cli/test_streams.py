"""The standard streams as a shell hands them over: closed, or on a disk that is full."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.workspace import CHECKOUT

__all__: list[str] = []


def _run(arguments: str, streams: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a shell, with redirections."""
    command = f"{shlex.quote(sys.executable)} -m airgap {arguments} {streams}"
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=CHECKOUT, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip


def test_a_command_with_progress_works_with_standard_error_closed(ready: Path) -> None:
    done = _run(f"fetch berlin --project {shlex.quote(str(ready))}", "2>&-")
    assert done.returncode == 0
    assert "next: carry the store" in done.stdout


@pytest.mark.parametrize("streams", [">&-", "<&- >&- 2>&-"])
def test_closed_streams_are_as_good_as_silent_ones(ready: Path, streams: str) -> None:
    done = _run(f"check berlin --project {shlex.quote(str(ready))}", streams)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr


@pytest.mark.parametrize("arguments", ["--help", "explain", "schematic --help"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_under_standard_output_is_one_line(
    arguments: str, unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    if not Path("/dev/full").exists():
        pytest.fail("/dev/full is not here: it is Linux' own full disk")
    done = _run(arguments, ">/dev/full")
    assert done.returncode == 1
    assert done.stderr == "error: standard output: No space left on device\n"
