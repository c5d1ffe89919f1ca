"""`explain` prints what the schema knows of a field, and needs no project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Command

__all__: list[str] = []


@pytest.fixture(autouse=True)
def _nowhere(airgap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_top_level_is_one_line_a_section(airgap: Command) -> None:
    outcome = airgap("explain")

    assert outcome.exit_code == 0, outcome.stderr
    assert re.search(r"^  registry +section \*  ", outcome.stdout, re.MULTILINE)


def test_a_field_is_printed_with_form_default_and_example(airgap: Command) -> None:
    lines = airgap("explain", "sidero.assetLink").stdout.splitlines()

    assert lines[0] == "sidero.assetLink  text"
    assert "  default   1Gbit/s" in lines
    assert "  form      a rate such as 1Gbit/s or 100Mbit/s" in lines
    assert "  example   100Mbit/s" in lines


def test_allowed_values_are_printed(airgap: Command) -> None:
    assert "  allowed   stock, airgap\n" in airgap("explain", "sidero.flavour").stdout


def test_what_is_only_planned_is_not_offered(airgap: Command) -> None:
    told = airgap("explain", "registry.kind").stdout

    assert "  allowed   embedded, existing, none\n" in told
    assert "harbor" not in told


def test_the_commands_that_a_field_speaks_of_are_named(airgap: Command) -> None:
    told = airgap("explain", "retention.keepLocks").stdout

    assert "  command   python -m airgap prune\n" in told


def test_recursive_prints_the_tree_below(airgap: Command) -> None:
    lines = airgap("explain", "nodes", "--recursive").stdout.splitlines()

    assert lines[0] == "nodes  section"
    assert "    endpoint  text" in lines


def test_an_unknown_path_is_wrong_usage_and_says_what_was_meant(airgap: Command) -> None:
    outcome = airgap("explain", "serverClass.extensions")

    assert outcome.exit_code == 2
    assert "did you mean serverClasses?" in outcome.stderr
    assert outcome.stdout == ""


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("registry.mirrors.ghcr.io", 'registry.mirrors["ghcr.io"]'),
        ("sidero-airgap:credentials", "README.md, Credentials"),
        ("talos[0].versions", "leave the index out"),
    ],
)
def test_a_path_that_is_none_says_what_to_write(airgap: Command, path: str, meant: str) -> None:
    outcome = airgap("explain", path)

    assert outcome.exit_code == 2
    assert meant in outcome.stderr


def test_a_rules_level_is_explained_by_its_key(airgap: Command) -> None:
    lines = airgap("explain", "policy.levels.https-only").stdout.splitlines()

    assert lines[0] == 'policy.levels["https-only"]  text'
    assert "  default   mandatory" in lines
