"""Fixtures for tests that drive the real engine; a `conftest.py` imports them by name."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest

from tests.engine.result import Json
from tests.engine.workspace import CHECKOUT, Workspace

__all__ = ["MakeWorkspace", "engine_directory", "make_workspace"]


class MakeWorkspace(Protocol):
    """Makes a workspace in the test's own directory; see `Workspace.create`."""

    def __call__(
        self,
        *,
        files: Mapping[str, str] | None = None,
        stack: str = "dev",
        config: Mapping[str, Json] | None = None,
        engine: Path | None = None,
    ) -> Workspace: ...


@pytest.fixture(scope="session")
def engine_directory() -> Path:
    """The directory of the engine, as `make` gets it. Without one the test fails, and says why."""
    getter = subprocess.run(
        [sys.executable, CHECKOUT / "tools" / "engine.py"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if getter.returncode != 0:
        pytest.fail(getter.stderr, pytrace=False)
    return Path(getter.stdout.strip())


@pytest.fixture
def make_workspace(tmp_path: Path, engine_directory: Path) -> Iterator[MakeWorkspace]:
    """Makes workspaces, and ends what their commands leave behind."""
    made: list[Workspace] = []

    def make(
        *,
        files: Mapping[str, str] | None = None,
        stack: str = "dev",
        config: Mapping[str, Json] | None = None,
        engine: Path | None = None,
    ) -> Workspace:
        directory = tmp_path / f"project-{len(made)}"
        workspace = Workspace.create(
            directory, engine or engine_directory, files=files, stack=stack, config=config
        )
        made.append(workspace)
        return workspace

    yield make
    for workspace in made:
        workspace.end_leftovers()
