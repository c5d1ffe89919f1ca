"""The pull request script with the real commands: a branch that takes an image away."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from lab.tls import Authority
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


def test_a_stack_file_that_cannot_be_read_is_told_once(
    branch: Path, site_value: dict[str, object]
) -> None:
    write_site(branch, {**site_value, "nonsense": 1})

    assert main(["--base", "main"]) == 1
    comment = (branch / "out" / "pull-request" / f"{SITE}.comment.md").read_text()
    assert comment.count("site.nonsense") == 1
    assert "| lock | exit 1 |" in comment


def test_a_lock_that_is_missing_is_told_once(branch: Path) -> None:
    (branch / "stacks" / f"{SITE}.lock.json").unlink()

    assert main(["--base", "main"]) == 1
    comment = (branch / "out" / "pull-request" / f"{SITE}.comment.md").read_text()
    assert comment.count("there is no lock") == 1


def test_a_receipt_that_is_none_is_exit_1_beside_a_report(branch: Path) -> None:
    receipt = branch / "stacks" / f"{SITE}.receipt.json"
    receipt.write_text("{}")

    assert main(["--base", "main"]) == 1
    comment = (branch / "out" / "pull-request" / f"{SITE}.comment.md").read_text()
    assert NGINX in comment
    assert "| receipt | exit 1 |" in comment
    assert f"python -m airgap receipt {SITE}" in comment


def test_an_authority_beside_the_stacks_changes_its_site(
    branch: Path, site_value: dict[str, object]
) -> None:
    """`init --registry-ca certs/ca.pem` names it so."""
    certificates = branch / "certs"
    certificates.mkdir()
    registry = {
        "kind": "existing",
        "endpoints": [{"url": "https://registry.berlin.example:5000", "caFile": "../certs/ca.pem"}],
    }
    write_site(branch, {**site_value, "images": [], "registry": registry})
    authorities = [Authority(branch.parent / name) for name in ("old", "new")]
    for authority in authorities:
        shutil.copy(authority.ca_file, certificates / "ca.pem")
        _git(branch, "add", "--all")
        _git(branch, "commit", "--quiet", "--message", "A CA")
    _git(branch, "branch", "--force", "main", "HEAD~1")

    assert main(["--base", "main"]) == 0
    comment = (branch / "out" / "pull-request" / f"{SITE}.comment.md").read_text()
    assert "certificate authority is replaced" in comment
