"""With an officially installed Pulumi, plain `pulumi` uses its plugins, and none of ours.

The official installation is a directory with the real CLI and a language plugin that says its name
and ends: a run that succeeds would have used ours.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.fixtures import MakeWorkspace
from tests.engine.workspace import CHECKOUT

pytestmark = pytest.mark.engine

MARKER = """#!/bin/sh
echo "the official plugin was asked" >&2
exit 1
"""


@pytest.fixture
def official(engine_directory: Path, tmp_path: Path) -> Path:
    directory = tmp_path / "official"
    directory.mkdir()
    cli = directory / "pulumi"
    try:
        cli.hardlink_to(engine_directory / "pulumi")
    except OSError:  # on another file system
        cli.write_bytes((engine_directory / "pulumi").read_bytes())
        cli.chmod(0o755)
    plugin = directory / "pulumi-language-python"
    plugin.write_text(MARKER)
    plugin.chmod(0o755)
    return directory


@pytest.mark.parametrize("ignore_ambient", ["true", "false"])
def test_its_language_plugin_is_used_even_with_ours_on_path(
    make_workspace: MakeWorkspace, engine_directory: Path, official: Path, ignore_ambient: str
) -> None:
    workspace = make_workspace(files={"__main__.py": ""}, engine=official)
    path = (str(official), str(engine_directory), os.environ["PATH"])
    workspace.environment = {
        "PATH": os.pathsep.join(path),
        "PULUMI_IGNORE_AMBIENT_PLUGINS": ignore_ambient,
    }
    refused = workspace.preview(exit_code=None)
    assert refused.exit_code != 0
    assert "the official plugin was asked" in refused.output

    # What would have happened with ours.
    workspace.engine, workspace.environment = engine_directory, {}
    assert workspace.preview().changes == {"create": 1}


def test_the_getter_takes_it(official: Path, tmp_path: Path) -> None:
    got = subprocess.run(
        [sys.executable, CHECKOUT / "tools" / "engine.py"],
        env={"PATH": os.pathsep.join((str(official), "/bin")), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert got.stdout == f"{official}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["official"]


def test_the_project_overrides_no_plugin() -> None:
    assert "plugins" not in (CHECKOUT / "Pulumi.yaml").read_text()
