"""`apply.sh`, run by a real shell with a `kubectl` that only sees whether its files are there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from airgap.plan import Plan, plan_site
from airgap.render import render_file
from tests.plan.samples import make_lock, make_site
from tests.plan.test_examples import plan_of

__all__: list[str] = []

KUBECTL = """#!/bin/sh
echo "$@" >> "$KUBECTL_LOG"
while [ $# -gt 0 ]; do
  case "$1" in -f|--patch-file) [ -e "$2" ] || exit 1 ;; esac
  shift
done
"""
DEFAULT = (
    "patch environments.metal.sidero.dev default --type merge "
    "--patch-file default-environment.patch.yaml"
)


def run(plan: Plan, folder: Path) -> list[str]:
    """Write a plan's files, run the script from elsewhere, and return what kubectl was told."""
    for child in plan.sidero.children:
        files = child.inputs["files"]
        assert isinstance(files, Mapping)
        for path, specification in files.items():
            place = folder / "out" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(render_file(specification))
    kubectl, log = folder / "bin" / "kubectl", folder / "log"
    kubectl.parent.mkdir()
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)
    environment = {"PATH": f"{kubectl.parent}:{os.environ['PATH']}", "KUBECTL_LOG": str(log)}
    command = ["sh", str(folder / "out" / "apply.sh")]
    subprocess.run(command, check=True, env=environment, cwd="/", timeout=30)
    return log.read_text().splitlines()


def test_a_site_of_the_fork_is_applied_in_the_order_of_its_needs(tmp_path: Path) -> None:
    told = run(plan_of("migration-3-boot-asset"), tmp_path)
    there, deployment = "--namespace sidero-system", "deployment sidero-controller-manager"
    assert told == [
        "apply -f crds/",
        "apply -f controller-trust/configmap.yaml",
        f"{there} patch {deployment} --patch-file controller-trust/deployment.patch.yaml",
        f"{there} rollout status {deployment}",
        DEFAULT,
        "apply -f environments/",
        "apply -f server-classes/",
    ]


def test_without_a_private_ca_stock_sidero_gets_its_objects_alone(tmp_path: Path) -> None:
    told = run(plan_site(make_site(), make_lock(), name="berlin"), tmp_path)
    assert told == [DEFAULT, "apply -f environments/", "apply -f server-classes/"]


@pytest.mark.parametrize("classes", [[], [{"name": "all", "environment": "default"}]])
def test_a_site_may_have_sideros_default_alone(classes: list[object], tmp_path: Path) -> None:
    environments = [{"name": "default", "talos": "v1.11.5"}]
    site = make_site(environments=environments, serverClasses=classes)
    told = run(plan_site(site, make_lock(), name="berlin"), tmp_path)
    assert told == [DEFAULT, *(["apply -f server-classes/"] if classes else [])]


def test_a_failure_stops_it(tmp_path: Path) -> None:
    plan = plan_site(make_site(), make_lock(), name="berlin")
    run(plan, tmp_path)
    (tmp_path / "out" / "default-environment.patch.yaml").unlink()
    environment = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "KUBECTL_LOG": "/dev/null"}
    command = ["sh", str(tmp_path / "out" / "apply.sh")]
    done = subprocess.run(command, check=False, env=environment, timeout=30)
    assert done.returncode == 1
