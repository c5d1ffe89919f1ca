"""`tools.pull_request --preview` as CI runs it: the real engine, git, and the state of a site."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.fixtures import engine_directory
from tests.engine.result import Json
from tests.engine.workspace import CHECKOUT, LIMIT_S
from tests.stacks.conftest import outside
from tests.stacks.outside import Outside
from tests.stacks.site import PracticeSite, open_site

__all__ = ["engine_directory", "outside"]

pytestmark = pytest.mark.engine

NAME = "airgap-basic"
PASSWORD = "MARKED-NODE-PASSWORD"
TOKEN = "MARKED-token"
IGNORED = "/store\n/out\n/www\n/reports\n__pycache__\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A checkout whose main branch is what the stack's state holds; and a change of it."""

    site: PracticeSite

    @property
    def folder(self) -> Path:
        return self.site.workspace.directory

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        subprocess.run(
            ("git", *identity, *arguments), cwd=self.folder, check=True, capture_output=True
        )

    def commit(self, value: Json) -> None:
        """Commit another value of the site, beside the former change."""
        self.git("switch", "--quiet", "--force-create", "change", "main")
        self.site.change(value, relock=False)
        self.git("commit", "--quiet", "--all", "--message", "change")

    def judge(self) -> tuple[int, str]:
        """Run the script, without what the tests' own commands are given for debugging."""
        environment = self.site.workspace._environment() | {"GITHUB_TOKEN": TOKEN}
        del environment["PULUMI_DEBUG_COMMANDS"]
        script = (sys.executable, "-m", "tools.pull_request")
        done = subprocess.run(
            (*script, "--base", "main", "--preview", "--out", "reports"),
            cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip
        assert PASSWORD not in done.stdout
        return done.returncode, done.stdout

    def written(self) -> dict[str, str]:
        """Return what it wrote, by file name, none with a secret in it."""
        files = {file.name: file.read_text() for file in (self.folder / "reports").iterdir()}
        assert [name for name, text in files.items() if PASSWORD in text or TOKEN in text] == []
        return files


@pytest.fixture(scope="module")
def branch(
    tmp_path_factory: pytest.TempPathFactory, engine_directory: Path, outside: Outside
) -> Iterator[Branch]:
    """A site that was brought up; outside, with its checkout and a snapshot of its state."""
    directory = tmp_path_factory.mktemp("pull-request")
    with open_site(directory, engine_directory, outside, NAME) as site:
        value = copy.deepcopy(site.value)
        value["registry"]["nodeAuth"] = "machineConfig"
        site.change(value, relock=False)
        credentials = {site.registry.host: {"username": "node", "password": PASSWORD}}
        site.workspace.set_secrets(credentials=json.dumps(credentials))
        site.workspace.up()
        site.switch_off()
        branch = Branch(site=site)
        (branch.folder / "tools").symlink_to(CHECKOUT / "tools")
        (branch.folder / ".gitignore").write_text(IGNORED)
        branch.git("init", "--quiet", "--initial-branch", "main")
        branch.git("add", "--all")
        branch.git("commit", "--quiet", "--message", "as it is inside")
        _carry_out(branch)
        yield branch


def _carry_out(branch: Branch) -> None:
    """Bring a snapshot of the state into an empty backend, as docs/pull-requests.md has it."""
    workspace = branch.site.workspace
    snapshot = workspace.home / "state.json"
    workspace.run("stack", "export", "-s", NAME, "--file", str(snapshot))
    assert PASSWORD not in snapshot.read_text()
    backend = workspace.home / "backend"
    backend.mkdir()
    workspace.environment["PULUMI_BACKEND_URL"] = f"file://{backend}"
    workspace.run("stack", "init", NAME)
    workspace.run("stack", "import", "-s", NAME, "--file", str(snapshot))
    branch.git("diff", "--exit-code")  # the stack file keeps its salt


def test_a_change_is_told_by_the_engine_as_by_the_locks(branch: Branch) -> None:
    value = copy.deepcopy(branch.site.value)
    value["nodes"]["timeServers"] = ["10.0.0.9"]
    branch.commit(value)

    code, printed = branch.judge()
    assert code == 0, printed
    files = branch.written()
    assert set(files) == {
        f"{NAME}.{suffix}"
        for suffix in (
            "md", "html", "comment.md", "preview.md", "preview.html", "preview.txt",
        )
    }  # fmt: skip
    headline = "Server class `workers` is changed."
    row = f"| pulumi preview | fit (as reported above): {headline} |"
    assert row in files[f"{NAME}.comment.md"]
    assert "pulumi preview: fit" in printed
    preview = files[f"{NAME}.preview.md"]
    assert preview.startswith(f"## {NAME}: {headline}\n\nFrom the stack's state to")
    assert "| Sidero | `nodes.timeServers` | - `10.0.0.1` | + `10.0.0.9` |" in preview
    assert "<!doctype html>" in files[f"{NAME}.preview.html"][:100].lower()
    assert "update airgap:index:SideroEnvironment sidero" in files[f"{NAME}.preview.txt"]


def test_what_the_engines_policies_refuse_is_unfit(branch: Branch) -> None:
    value = copy.deepcopy(branch.site.value)
    value["nodes"]["timeServers"] = ["time.cloudflare.com"]
    branch.commit(value)

    code, printed = branch.judge()
    assert code == 1, printed
    files = branch.written()
    comment = files[f"{NAME}.comment.md"]
    assert "| pulumi preview | exit 1" in comment
    _, _, said = comment.partition("<details><summary>pulumi preview</summary>")
    assert "error: preview failed" in said
    assert "[mandatory] public-services (sidero)" in said
    assert "time.cloudflare.com" in said
    assert "⛔ **1 policy violation** (1 new)" in files[f"{NAME}.preview.md"]
    assert "stopped with an error" not in files[f"{NAME}.preview.md"]
