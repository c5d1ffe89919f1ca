"""A site with real servers: its project, its registry, nginx over its boot assets.

Driven as its people do, with `python -m airgap` and the real engine.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airgap.lock import Lock, read_lock
from tests.engine.result import Json, Result
from tests.engine.workspace import Workspace
from tests.peers.certificates import Certificates
from tests.peers.processes import bare_environment, serving
from tests.peers.registries import RealRegistry, RegistryProgram, serve_registry
from tests.peers.upstream import SIDERO, WORKLOAD
from tests.peers.webserver import serve_directory
from tools.peers import Peers

__all__ = ["CA_FILE", "ENVIRONMENT", "RACK", "SERVER_CLASS", "RealSite", "Served", "open_site"]

CA_FILE = "certs/ca.pem"  # beside the stack file
ENVIRONMENT, SERVER_CLASS = "metal", "workers"
RACK = "site.rack=b7"
_STACK = "plant"
_LIMIT_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class RealSite:
    """A site that can be locked, fetched and brought up.

    Attributes:
        registry: Where images go.
        mirror: URL of the web server over `www/` in the project.
    """

    workspace: Workspace
    registry: RealRegistry
    mirror: str
    certificates: Certificates

    def describe(self, talos: str, upstream: Mapping[str, object]) -> None:
        """Write the stack file: one environment of that release, one server class."""
        endpoint = {"url": self.registry.url, "caFile": CA_FILE}
        site: Json = {
            "schemaVersion": 1,
            "talos": {"versions": [talos]},
            "kubernetes": {"versions": ["v1.34.1"]},
            "images": [WORKLOAD],
            "registry": {"kind": "existing", "endpoints": [endpoint]},
            "assetMirror": {
                "kind": "directory",
                "url": f"{self.mirror}/talos",
                "path": "../www/talos",
                "caFile": CA_FILE,
            },
            "sidero": {"version": SIDERO, "controllerTrust": "managed"},
            "environments": [{"name": ENVIRONMENT, "talos": talos, "extraKernelArgs": [RACK]}],
            "serverClasses": [{"name": SERVER_CLASS, "environment": ENVIRONMENT}],
            "nodes": {"timeServers": ["127.0.0.1"], "nameservers": ["127.0.0.1"]},
            "upstream": upstream,
        }
        self.workspace.set_config({"site": site})

    def airgap(self, *arguments: str, exit_code: int = 0) -> str:
        """Run `python -m airgap …` in the project; return what it said."""
        done = subprocess.run(
            self._command(*arguments),
            cwd=self.workspace.directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout
        return done.stdout

    def lock_and_fetch(self) -> None:
        """Do what is done on the connected side."""
        self.airgap("lock", _STACK)
        self.airgap("fetch", _STACK)

    def up(self) -> Result:
        """Bring the stack up, under its policies."""
        return self.workspace.up("--policy-pack", "policies")

    @contextmanager
    def serving_store(self) -> Iterator[Served]:
        """Run `python -m airgap serve` over TLS."""
        log = self.workspace.directory / "serve.log"
        tls = ("--tls-cert", self.certificates.chain, "--tls-key", self.certificates.key)

        def command(port: int) -> Sequence[str]:
            return self._command("serve", "--port", str(port), *map(str, tls))

        with serving(command, log, self._environment) as port:
            yield Served(host=f"127.0.0.1:{port}", log=log)

    def take_over(self, other: RealSite) -> None:
        """Have the lock and the store of another site, as if they had been carried here."""
        shutil.copy(other.lock_file, self.lock_file)
        self.workspace.environment["AIRGAP_STORE"] = str(other.workspace.directory / "store")

    @property
    def lock(self) -> Lock:
        """The lock as it is now."""
        return read_lock(self.lock_file)

    @property
    def lock_file(self) -> Path:
        """Beside the stack file."""
        return self.workspace.stack_file.with_name(f"{_STACK}.lock.json")

    @property
    def out(self) -> Path:
        """What the stack writes for Sidero."""
        return self.workspace.directory / "out" / _STACK

    @property
    def _environment(self) -> dict[str, str]:
        home = str(self.workspace.home)
        return bare_environment(HOME=home, DOCKER_CONFIG=home)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "airgap", *arguments]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A store that `serve` serves at `host`; `log` has all it said."""

    host: str
    log: Path


@contextmanager
def open_site(
    peers: Peers,
    program: RegistryProgram,
    certificates: Certificates,
    engine: Path,
    folder: Path,
) -> Iterator[RealSite]:
    """Make a site's project in `folder` and run its servers while the block lasts."""
    workspace = Workspace.create(folder / "project", engine, stack=_STACK)
    authority = workspace.stack_file.parent / CA_FILE
    authority.parent.mkdir()
    shutil.copy(certificates.authority, authority)
    www = workspace.directory / "www"
    www.mkdir()
    with (
        serve_registry(peers, program, certificates, folder / "registry") as registry,
        serve_directory(peers, www, certificates, folder / "nginx") as mirror,
    ):
        yield RealSite(
            workspace=workspace, registry=registry, mirror=mirror, certificates=certificates
        )
    workspace.end_leftovers()
