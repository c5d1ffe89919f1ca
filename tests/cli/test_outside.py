"""`lock`, `check` and `fetch`: what happens on the connected machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.upstream import Upstream
from tests.cli.conftest import SITE, Command, Hold, write_site
from tests.engine.workspace import CHECKOUT


def test_lock_writes_the_lock_and_says_what_is_next(airgap: Command, project: Path) -> None:
    outcome = airgap("lock", SITE)
    assert outcome.exit_code == 0, outcome.stderr
    lock = json.loads((project / "stacks" / "berlin.lock.json").read_text())
    # talosctl image default v1.11.5: ten images; Sidero's two; nginx.
    images = [pin for pin in lock["images"].values() if pin["need"] != "signatures"]
    assert len(images) == 13
    assert sorted(lock["assets"]) == ["v1.11.5/initramfs-amd64.xz", "v1.11.5/vmlinuz-amd64"]
    attached = len(lock["images"]) - 13
    assert f"13 images with {attached} signatures and attestations, 2 boot" in outcome.stdout
    assert "airgap fetch berlin" in outcome.stdout


def test_locking_again_changes_no_byte(airgap: Command, ready: Path) -> None:
    path = ready / "stacks" / "berlin.lock.json"
    before = path.read_bytes()
    outcome = airgap("lock", SITE)
    assert outcome.exit_code == 0
    assert "unchanged" in outcome.stdout
    assert path.read_bytes() == before


def test_check_accepts_a_lock_that_fits(airgap: Command, ready: Path) -> None:
    assert airgap("lock", SITE, "--check").exit_code == 0


def test_check_names_the_keys_that_differ_and_the_command(
    airgap: Command, ready: Path, site_value: dict[str, object]
) -> None:
    write_site(ready, {**site_value, "images": ["docker.io/library/redis:7.4"]})
    outcome = airgap("lock", SITE, "--check")
    assert outcome.exit_code == 1
    assert "docker.io/library/redis:7.4" in outcome.stderr
    assert "python -m airgap lock berlin" in outcome.stderr


def test_references_without_upgrade_are_wrong_usage(airgap: Command) -> None:
    outcome = airgap("lock", SITE, "docker.io/library/nginx:1.27.3")
    assert outcome.exit_code == 2
    assert "--upgrade" in outcome.stderr


def test_an_unknown_site_names_those_there_are(airgap: Command) -> None:
    outcome = airgap("lock", "munich")
    assert outcome.exit_code == 1
    assert "sites here: berlin" in outcome.stderr


def test_a_directory_that_is_no_project_is_said(
    airgap: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = airgap("check", SITE)
    assert outcome.exit_code == 1
    assert "no Pulumi.yaml" in outcome.stderr


def test_all_faults_of_a_site_are_told_at_once(
    airgap: Command, project: Path, site_value: dict[str, object]
) -> None:
    write_site(project, {**site_value, "talos": {"versions": ["v9.9.9"]}, "imagez": []})
    outcome = airgap("lock", SITE)
    assert outcome.exit_code == 1
    assert "site.talos.versions[0]" in outcome.stderr
    assert "site.imagez" in outcome.stderr
    assert not (project / "store").exists(), "nothing was touched"


def test_lock_over_a_damaged_lock_names_the_one_in_git_first(
    airgap: Command, project: Path
) -> None:
    damaged = project / "stacks" / "berlin.lock.json"
    damaged.write_text("{")
    outcome = airgap("lock", SITE)
    assert outcome.exit_code == 1
    assert "→ take the one in git: git checkout -- stacks/berlin.lock.json;" in outcome.stderr
    assert damaged.read_text() == "{"


def test_fetch_without_a_lock_names_the_command(airgap: Command) -> None:
    outcome = airgap("fetch", SITE)
    assert outcome.exit_code == 1
    assert "python -m airgap lock berlin" in outcome.stderr


def test_fetching_again_asks_nobody(airgap: Command, ready: Path, upstream: Upstream) -> None:
    upstream.outside.requests.clear()
    outcome = airgap("fetch", SITE)
    assert outcome.exit_code == 0
    lock = json.loads((ready / "stacks" / "berlin.lock.json").read_text())
    assert f"{len(lock['images']) + len(lock['assets'])} were there" in outcome.stdout
    assert len(upstream.outside.requests) == 0


def test_ctrl_c_in_a_fetch_keeps_what_is_complete(
    airgap: Command, project: Path, locked: Path, upstream: Upstream
) -> None:
    (project / "stacks" / "berlin.lock.json").write_bytes(
        (locked / "stacks" / "berlin.lock.json").read_bytes()
    )
    hold = Hold()
    upstream.outside.faults.add("/v2/registry.k8s.io/.*/blobs/", then=hold)
    upstream.outside.faults.add("/v2/registry.k8s.io/.*/blobs/", times=None, delay_s=0.3)
    command = [sys.executable, "-m", "airgap", "fetch", SITE, "--project", str(project)]
    process = subprocess.Popen(
        command,
        cwd=CHECKOUT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for_a_blob(project / "store")
        os.killpg(process.pid, signal.SIGINT)
        hold.release()
        _, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
        upstream.outside.faults.clear()
    assert process.returncode == 130, stderr
    assert b"Traceback" not in stderr
    assert airgap("fetch", SITE).exit_code == 0
    assert airgap("verify", SITE, "--only", "store").exit_code == 0


def _wait_for_a_blob(store: Path) -> None:
    limit = time.monotonic() + 60
    while not list(store.glob("blobs/sha256/[0-9a-f]*")):
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_check_judges_a_good_site(airgap: Command, ready: Path) -> None:
    outcome = airgap("check", SITE)
    assert outcome.exit_code == 0, outcome.stdout
    assert "0 violations" in outcome.stdout


def test_check_fails_on_skip_verify_and_names_the_rule(
    airgap: Command, ready: Path, site_value: dict[str, object]
) -> None:
    registry = site_value["registry"]
    assert isinstance(registry, dict)
    mirrors = {"ghcr.io": {"skipVerify": True}}
    write_site(ready, {**site_value, "registry": {**registry, "mirrors": mirrors}})
    outcome = airgap("check", SITE)
    assert outcome.exit_code == 1
    assert "[mandatory] no-skip-verify" in outcome.stdout
