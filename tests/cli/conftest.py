"""A project of its own for each test, and one practice upstream for all of them."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from airgap.cli import main
from lab.tls import Authority
from lab.upstream import Upstream

SITE = "berlin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a command did: its exit code and what it printed."""

    exit_code: int
    stdout: str
    stderr: str


Command = Callable[..., Outcome]


class Hold:
    """Keeps a server's answer back until a command was interrupted, so that it is not done before.

    What a fault runs `then`.
    """

    def __init__(self) -> None:
        self._is_released = threading.Event()

    def __call__(self) -> None:
        """Wait; and a moment longer, for the command to hear of it."""
        self._is_released.wait(60)
        time.sleep(0.5)

    def release(self) -> None:
        """Let the answer go."""
        self._is_released.set()


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """Everything outside; stopped by nobody."""
    directory = tmp_path_factory.mktemp("upstream")
    with Upstream(directory, small=True, authority=Authority(directory / "ca")) as running:
        yield running


@pytest.fixture(scope="session")
def site_value(upstream: Upstream) -> dict[str, object]:
    """A site with a registry and a web server of its own, and redirects to the upstream."""
    ca = upstream.ca_file.read_text()
    redirects = {
        host: {"url": url, "ca": ca}
        for host, url in upstream.registry_redirects.items()
        if host != "factory.talos.dev"
    }
    return {
        "schemaVersion": 1,
        "talos": {"versions": ["v1.11.5"]},
        "kubernetes": {"versions": ["v1.34.1"]},
        "images": ["docker.io/library/nginx:1.27.3"],
        "registry": {
            "kind": "existing",
            "endpoints": [{"url": "https://registry.berlin.example:5000"}],
        },
        "assetMirror": {
            "kind": "directory",
            "url": "https://artifacts.berlin.example/talos",
            "path": "/srv/artifacts/talos",
        },
        "sidero": {"version": "v0.6.13"},
        "environments": [{"name": "talos-1-11-5", "talos": "v1.11.5"}],
        "serverClasses": [{"name": "workers", "environment": "talos-1-11-5"}],
        "nodes": {"timeServers": ["10.0.0.1"], "nameservers": ["10.0.0.2"]},
        "upstream": {
            "registries": redirects,
            "releases": {"url": upstream.releases_url, "ca": ca},
        },
    }


def write_site(project: Path, value: dict[str, object], *, name: str = SITE) -> None:
    """Write a stack file."""
    text = yaml.safe_dump({"config": {"sidero-airgap:site": value}})
    (project / "stacks" / f"Pulumi.{name}.yaml").write_text(text, encoding="utf-8")


def make_project(root: Path, value: dict[str, object]) -> None:
    """Make a project with one site and nothing else."""
    (root / "stacks").mkdir(parents=True)
    (root / "Pulumi.yaml").write_text("name: sidero-airgap\nruntime: python\n", encoding="utf-8")
    write_site(root, value)


def lock_and_fetch(root: Path, value: dict[str, object]) -> Path:
    """Make a project whose lock and store are whole."""
    make_project(root, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AIRGAP_STORE", raising=False)
        for command in ("lock", "fetch"):
            patch.setattr(sys, "argv", ["airgap", command, SITE, "--project", str(root)])
            main()
    return root


@pytest.fixture
def project(tmp_path: Path, site_value: dict[str, object]) -> Path:
    """A project with one site and nothing else."""
    root = tmp_path / "project"
    make_project(root, site_value)
    return root


@pytest.fixture
def airgap(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs `python -m airgap ARGUMENTS` in the project, in this process."""
    monkeypatch.chdir(project)
    for name in ("AIRGAP_STORE", "AIRGAP_AUTH_FILE", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(project))

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["airgap", *arguments])
        exit_code = 0
        try:
            main()
        except SystemExit as stop:
            exit_code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(exit_code=exit_code, stdout=captured.out, stderr=captured.err)

    return run


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory, site_value: dict[str, object]) -> Path:
    """A project whose lock and store are whole; tests copy it."""
    return lock_and_fetch(tmp_path_factory.mktemp("locked"), site_value)


@pytest.fixture
def ready(project: Path, locked: Path) -> Path:
    """The project, locked and fetched."""
    shutil.copytree(locked / "store", project / "store")
    shutil.copy(locked / "stacks" / f"{SITE}.lock.json", project / "stacks")
    return project
