"""The pull request script with the real commands: a branch that takes an image away."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import SITE, Command, write_site
from tests.engine.workspace import CHECKOUT
from tools.pull_request import main

__all__: list[str] = []

NGINX = "docker.io/library/nginx"


def _git(project: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)


@pytest.fixture
def branch(
    airgap: Command, ready: Path, site_value: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A checkout whose branch has one image less, locked."""
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    (ready / ".gitignore").write_text("/store*/\n/out/\n")
    _git(ready, "init", "--quiet", "--initial-branch", "main")
    _git(ready, "add", "--all")
    _git(ready, "commit", "--quiet", "--message", "base")
    _git(ready, "switch", "--quiet", "--create", "change")
    write_site(ready, {**site_value, "images": []})
    assert airgap("lock", SITE).exit_code == 0
    _git(ready, "commit", "--quiet", "--all", "--message", "change")
    return ready


def test_a_change_is_judged_and_reported_by_the_real_commands(
    branch: Path,
) -> None:
    code = main(["--base", "main"])
    out = branch / "out" / "pull-request"

    comment = (out / f"{SITE}.comment.md").read_text()
    assert code == 0, comment
    assert NGINX in comment
    assert "| policies | fit |" in comment
    assert NGINX in (out / f"{SITE}.html").read_text()


def test_a_lock_that_does_not_fit_is_exit_1_and_says_which_command_to_run(
    branch: Path, site_value: dict[str, object]
) -> None:
    write_site(branch, {**site_value, "images": ["docker.io/library/redis:7.4"]})

    assert main(["--base", "main"]) == 1
    comment = (branch / "out" / "pull-request" / f"{SITE}.comment.md").read_text()
    assert f"python -m airgap lock {SITE}" in comment
