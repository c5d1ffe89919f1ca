"""`check --objects`: what the cluster holds beside the site."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import SITE, Command

UUID = "4c4c4544-0039-3010-8048-b7c04f384432"


def listed(*, environment: str) -> dict[str, object]:
    """Return what kubectl prints: a List of a class with a server, and the server."""
    head = {"apiVersion": "metal.sidero.dev/v1alpha2"}
    server_class = {
        **head,
        "kind": "ServerClass",
        "metadata": {"name": "workers"},
        "spec": {"qualifiers": {}},
        "status": {"serversAvailable": [], "serversInUse": [UUID]},
    }
    server = {
        **head,
        "kind": "Server",
        "metadata": {"name": UUID, "creationTimestamp": "2026-11-24T00:00:00Z"},
        "spec": {
            "accepted": True,
            "environmentRef": {"name": environment},
            "strategicPatches": ["machine: {"],
        },
    }
    return {"apiVersion": "v1", "kind": "List", "items": [server_class, server]}


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("dump", [yaml.safe_dump, json.dumps])
def test_objects_that_block_are_violations(airgap: Command, tmp_path: Path, dump: object) -> None:
    assert callable(dump)
    file = tmp_path / "objects.yaml"
    file.write_text(dump(listed(environment="rescue")))
    outcome = airgap("check", SITE, "--objects", str(file))
    assert outcome.exit_code == 1
    blocked, shadowed, verdict = outcome.stdout.splitlines()
    assert blocked.startswith(f"[mandatory] config-patches · cluster · Server/{UUID}: ")
    assert shadowed.startswith(f"[advisory] shadowed · cluster · Server/{UUID}: boots environment")
    assert verdict == f"{SITE}: 1 violations, 1 notes"


@pytest.mark.usefixtures("ready")
def test_objects_come_by_standard_input_too(
    airgap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": []})
    stream = io.TextIOWrapper(io.BytesIO(empty.encode()), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", stream)
    outcome = airgap("check", SITE, "--objects", "-")
    assert (outcome.exit_code, outcome.stdout) == (0, f"{SITE}: 0 violations, 0 notes\n")


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "just text", "{items: [3]}"])
def test_what_is_no_object_is_refused_with_the_command(
    airgap: Command, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(text)
    outcome = airgap("check", SITE, "--objects", str(file))
    assert outcome.exit_code == 1
    assert str(file) in outcome.stderr
    assert outcome.stdout == ""
