"""The engine runs our program with the language plugin of tools/pulumi: every operation we use."""

from pathlib import Path

import pytest

from tests.engine.fixtures import MakeWorkspace
from tests.engine.programs import FILE_PROGRAM, POLICY_PACK
from tests.engine.workspace import Workspace

pytestmark = pytest.mark.engine


@pytest.fixture
def note(tmp_path: Path) -> Path:
    return tmp_path / "note.txt"


@pytest.fixture
def workspace(make_workspace: MakeWorkspace, note: Path) -> Workspace:
    return make_workspace(files=FILE_PROGRAM, config={"path": str(note)})


def test_preview_then_up_then_no_change(workspace: Workspace, note: Path) -> None:
    assert workspace.preview().changes == {"create": 2}
    assert not note.exists()

    created = workspace.up()
    assert created.changes == {"create": 2}
    assert note.read_text() == "first"
    assert workspace.export().outputs == {"text": "first", "stack": "dev"}
    assert "warning" not in created.output

    assert workspace.up().changes == {}


def test_refresh_sees_drift_and_up_repairs_it(workspace: Workspace, note: Path) -> None:
    workspace.up()
    note.write_text("altered")

    shown = workspace.refresh("--preview-only", "--diff")
    assert '"first" => "altered"' in shown.stdout
    assert workspace.export().resource("note")["outputs"]["text"] == "first"

    workspace.refresh()
    assert workspace.export().resource("note")["outputs"]["text"] == "altered"
    assert workspace.up().changes == {"update": 1}
    assert note.read_text() == "first"


def test_refresh_that_runs_the_program_forgets_what_is_gone(
    workspace: Workspace, note: Path
) -> None:
    workspace.up()
    note.unlink()
    workspace.refresh("--run-program")
    names = {resource["type"] for resource in workspace.export().resources}
    assert "pulumi-python:dynamic/tests:Note" not in names


def test_destroy_removes_everything(workspace: Workspace, note: Path) -> None:
    workspace.up()
    assert workspace.destroy().changes == {"delete": 2}
    assert not note.exists()
    assert workspace.export().resources == ()


def test_preview_as_json(workspace: Workspace) -> None:
    digest = workspace.preview("--json").json
    assert [step["op"] for step in digest["steps"]] == ["create", "create"]
    assert digest["changeSummary"] == {"create": 2}


def test_up_keeps_to_a_saved_plan(workspace: Workspace, note: Path) -> None:
    workspace.set_config({"text": "planned"})
    workspace.preview("--save-plan=plan.json")
    workspace.set_config({"text": "not planned"})
    refused = workspace.up("--plan=plan.json", exit_code=None)
    assert refused.exit_code != 0
    assert "violates plan" in refused.output
    assert not note.exists()

    workspace.set_config({"text": "planned"})
    workspace.up("--plan=plan.json")
    assert note.read_text() == "planned"


def test_a_mandatory_policy_stops_the_preview_and_knows_the_stack(workspace: Workspace) -> None:
    workspace.write(POLICY_PACK)
    assert workspace.preview("--policy-pack=pack").changes == {"create": 2}

    workspace.set_config({"text": "rude", "region": "north"})
    refused = workspace.preview("--policy-pack=pack", exit_code=None)
    assert refused.exit_code == 1
    assert "rude in stack dev, region north" in refused.output


def test_a_policy_pack_that_does_not_start_is_explained(workspace: Workspace) -> None:
    workspace.write(POLICY_PACK | {"pack/__main__.py": "import no_such_module\n"})
    refused = workspace.preview("--policy-pack=pack", exit_code=None)
    assert refused.exit_code != 0
    assert "No module named 'no_such_module'" in refused.output
    assert "ended before it was ready" in refused.output


def test_secret_configuration_stays_secret(make_workspace: MakeWorkspace) -> None:
    main = """
import pulumi

pulumi.export("token", pulumi.Config().require_secret("token"))
pulumi.export("secret", pulumi.runtime.is_config_secret("sidero-airgap:token"))
"""
    workspace = make_workspace(files={"__main__.py": main})
    workspace.set_secrets(token="MARKED-SECRET")
    done = workspace.up()
    state = workspace.export()
    assert state.outputs["secret"] is True
    assert "MARKED-SECRET" not in state.text + done.output
    shown = workspace.run("stack", "output", "token", "--show-secrets").stdout.strip()
    assert shown == "MARKED-SECRET"


def test_about_lists_what_the_program_is_run_with(workspace: Workspace) -> None:
    about = workspace.run("about", "--json").json
    assert about["runtime"]["language"] == "python"
    names = {dependency["name"] for dependency in about["dependencies"]}
    assert {"pulumi", "pydantic"} <= names


def test_installing_dependencies_is_refused_not_pretended(workspace: Workspace) -> None:
    refused = workspace.run("install", exit_code=None)
    assert refused.exit_code != 0
    assert "`make` installs the hash-pinned requirements" in refused.output
