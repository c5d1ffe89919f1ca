"""What the user sees of a program that fails: its own reason, once, and a non-zero exit."""

from typing import Protocol

import pytest

from tests.engine.fixtures import MakeWorkspace
from tests.engine.result import Result
from tests.engine.workspace import CHECKOUT

pytestmark = pytest.mark.engine


class RunMain(Protocol):
    """Previews a program that is to fail: its main module, and modules beside it."""

    def __call__(self, main: str, **modules: str) -> Result: ...


@pytest.fixture
def run_main(make_workspace: MakeWorkspace) -> RunMain:
    def run(main: str, **modules: str) -> Result:
        texts = {"__main__.py": main, **{f"{name}.py": text for name, text in modules.items()}}
        result = make_workspace(files=texts).preview(exit_code=None)
        assert result.exit_code != 0
        return result

    return run


def test_an_exception_is_shown_from_where_the_program_begins(run_main: RunMain) -> None:
    result = run_main(
        "import pulumi, parts\nparts.build()\n", parts="def build():\n    raise KeyError('part')\n"
    )
    assert "KeyError: 'part'" in result.output
    assert "parts.py" in result.output
    assert "runpy" not in result.output
    assert "exit code" not in result.output


def test_a_run_error_is_shown_without_a_traceback(run_main: RunMain) -> None:
    result = run_main("import pulumi\nraise pulumi.RunError('no lock; run lock first')\n")
    errors = [message for message in result.diagnostics if "run lock first" in message]
    assert len(errors) == 1
    assert "Traceback" not in result.output


def test_an_error_in_an_apply_is_shown(run_main: RunMain) -> None:
    result = run_main("import pulumi\npulumi.Output.from_input(0).apply(lambda n: 1 / n)\n")
    assert "ZeroDivisionError" in result.output


def test_exit_code_32_means_the_reason_was_told(run_main: RunMain) -> None:
    result = run_main("import pulumi, sys\npulumi.log.error('told already')\nsys.exit(32)\n")
    assert "told already" in result.output
    assert "32" not in "".join(result.diagnostics)


def test_any_other_exit_code_is_named(run_main: RunMain) -> None:
    assert "the program ended with exit code 3" in run_main("import sys\nsys.exit(3)\n").output


def test_a_killed_program_is_named(run_main: RunMain) -> None:
    result = run_main("import os\nos.kill(os.getpid(), 9)\n")
    assert "the program was ended by SIGKILL" in result.output


def test_a_missing_virtual_environment_is_named(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(files={"__main__.py": ""})
    project = workspace.directory / "Pulumi.yaml"
    project.write_text(project.read_text().replace("virtualenv: .venv", "virtualenv: elsewhere"))
    result = workspace.preview(exit_code=None)
    assert result.exit_code != 0
    assert f"no virtual environment at {workspace.directory / 'elsewhere'}" in result.output


def test_without_any_virtual_environment_the_plugin_says_where_it_looked(
    make_workspace: MakeWorkspace,
) -> None:
    workspace = make_workspace(files={"__main__.py": ""})
    (workspace.directory / ".venv").unlink()
    result = workspace.preview(exit_code=None)
    assert result.exit_code != 0
    assert "pulumi-language-python: no Python with Pulumi's SDK" in result.output
    assert f"for .venv in {workspace.directory} and above it" in result.output


def test_the_virtual_environment_can_be_named(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace(files={"__main__.py": ""})
    (workspace.directory / ".venv").unlink()
    project = workspace.directory / "Pulumi.yaml"
    named = CHECKOUT / ".venv"
    project.write_text(project.read_text().replace("virtualenv: .venv", f"virtualenv: {named}"))
    workspace.environment = {"SIDERO_AIRGAP_VENV": str(named)}
    assert workspace.preview().changes == {"create": 1}
