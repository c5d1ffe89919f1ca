"""Ctrl-C and kill -9: no traceback, no process stays behind, the stack can be used again."""

import time
from pathlib import Path

import pytest

from tests.engine.fixtures import MakeWorkspace
from tests.engine.programs import FILE_PROGRAM
from tests.engine.workspace import Workspace

pytestmark = pytest.mark.engine

PARENT_GONE_S = 60.0


def _wait_until_alone(workspace: Workspace) -> None:
    limit = time.monotonic() + PARENT_GONE_S
    while workspace.processes():
        assert time.monotonic() < limit, f"left behind: {workspace.processes()}"
        time.sleep(0.1)


def test_ctrl_c_during_a_create(make_workspace: MakeWorkspace, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    workspace = make_workspace(files=FILE_PROGRAM, config={"path": str(note), "text": "slow"})
    with workspace.start("up", "--yes", "--skip-preview") as running:
        running.wait_for(note.with_suffix(".begun"))
        running.interrupt()
        stopped = running.wait()
    assert stopped.exit_code != 0
    assert "Traceback" not in stopped.output
    assert "KeyboardInterrupt" not in stopped.output
    _wait_until_alone(workspace)

    workspace.set_config({"text": "second"})
    workspace.up()
    assert note.read_text() == "second"


def test_a_second_ctrl_c_does_not_wait(make_workspace: MakeWorkspace, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    notes = FILE_PROGRAM["notes.py"].replace("sleep(3)", "sleep(600)")
    assert notes != FILE_PROGRAM["notes.py"]
    workspace = make_workspace(
        files=FILE_PROGRAM | {"notes.py": notes}, config={"path": str(note), "text": "slow"}
    )
    with workspace.start("up", "--yes", "--skip-preview") as running:
        running.wait_for(note.with_suffix(".begun"))
        running.interrupt()
        running.wait_for_words("press ^C again")
        running.interrupt()
        stopped = running.wait()  # the engine gives the provider 5 s
    assert stopped.exit_code != 0
    assert "Traceback" not in stopped.output
    _wait_until_alone(workspace)

    workspace.set_config({"text": "second"})
    workspace.up()
    assert note.read_text() == "second"


def test_ctrl_c_while_the_program_thinks(make_workspace: MakeWorkspace, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    main = f"""
import pathlib, time
pathlib.Path({str(begun)!r}).touch()
time.sleep(600)
"""
    workspace = make_workspace(files={"__main__.py": main})
    with workspace.start("up", "--yes", "--skip-preview") as running:
        running.wait_for(begun)
        running.interrupt()
        stopped = running.wait()
    assert stopped.exit_code != 0
    assert "Traceback" not in stopped.output
    assert "KeyboardInterrupt" not in stopped.output
    _wait_until_alone(workspace)

    workspace.write({"__main__.py": ""})
    assert workspace.up().changes == {"create": 1}


def test_nothing_outlives_a_killed_engine(make_workspace: MakeWorkspace, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    workspace = make_workspace(files=FILE_PROGRAM, config={"path": str(note), "text": "slow"})
    with workspace.start("up", "--yes", "--skip-preview") as running:
        running.wait_for(note.with_suffix(".begun"))
        assert len(workspace.processes()) >= 4  # CLI, language plugin, program, provider
        running.kill()
        running.wait()
    _wait_until_alone(workspace)

    workspace.run("cancel", "--yes")  # the killed command holds the stack's lock
    workspace.set_config({"text": "second"})
    workspace.up()
    assert note.read_text() == "second"
