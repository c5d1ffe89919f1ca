"""The lab's copy of this checkout in `.lab/`: the program linked, everything else of its own.

State, settings, store, registry and web root all lie below it, so that removing the directory
removes the lab. The user's own Pulumi settings are never touched.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.tls import Authority

__all__ = ["CHECKOUT", "SITE", "StepFailedError", "Workspace", "remove"]

CHECKOUT = Path(__file__).resolve().parent.parent
SITE = "lab"
PROGRAM = ("airgap", "components", "providers", "policies", "__main__.py", ".venv")
LIMIT_S = 600


class StepFailedError(Exception):
    """A command of the lab failed; `log` holds all it said."""

    def __init__(self, title: str, command: str, log: Path) -> None:
        super().__init__(f"{title}: `{command}` failed")
        self.log = log


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The directory the lab works in."""

    root: Path

    @classmethod
    def create(cls, root: Path) -> Workspace:
        """Make an empty workspace; what an earlier lab left there is removed."""
        remove(root)
        for name in ("stacks/certs", "state", "home", "log"):
            (root / name).mkdir(parents=True)
        for name in PROGRAM:
            (root / name).symlink_to(CHECKOUT / name)
        shutil.copy(CHECKOUT / "Pulumi.yaml", root)
        shutil.copy(CHECKOUT / "stacks" / f"Pulumi.{SITE}.yaml", root / "stacks")
        shutil.copytree(CHECKOUT / "stacks" / "manifests", root / "stacks" / "manifests")
        workspace = cls(root=root)
        workspace._write_environment()
        return workspace

    @property
    def stack_file(self) -> Path:
        """The site, as its author writes it."""
        return self.root / "stacks" / f"Pulumi.{SITE}.yaml"

    @property
    def lock_file(self) -> Path:
        """The site's lock."""
        return self.root / "stacks" / f"{SITE}.lock.json"

    @property
    def out(self) -> Path:
        """The files that the stack writes."""
        return self.root / "out" / SITE

    @property
    def www(self) -> Path:
        """The web server's document root."""
        return self.root / "www"

    def trust(self, authority: Authority) -> None:
        """Put the lab's certificate where the site names it."""
        shutil.copy(authority.ca_file, self.root / "stacks" / "certs" / "lab-ca.pem")

    @property
    def environment(self) -> Mapping[str, str]:
        """What Pulumi needs to leave the user's own settings alone."""
        return {
            "PULUMI_HOME": str(self.root / "home"),
            # Without a side file that the backend does not write atomically: a kill in that
            # moment leaves it empty, and the stack unreadable ("failed to load checkpoint: EOF").
            "PULUMI_BACKEND_URL": f"file://{self.root / 'state'}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "lab",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def _write_environment(self) -> None:
        lines = [f"export {key}={shlex.quote(value)}" for key, value in self.environment.items()]
        (self.root / "env").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def airgap(self, title: str, *arguments: str, exit_code: int = 0) -> float:
        """Run `python -m airgap …`; see `run`."""
        python = str(self.root / ".venv" / "bin" / "python")
        return self.run(title, python, "-m", "airgap", *arguments, exit_code=exit_code)

    def pulumi(self, title: str, *arguments: str, exit_code: int = 0) -> float:
        """Run `pulumi … --stack lab`; see `run`."""
        fixed = ("--stack", SITE, "--non-interactive", "--color", "never")
        return self.run(title, "pulumi", *arguments, *fixed, exit_code=exit_code)

    def run(self, title: str, *command: str, exit_code: int = 0) -> float:
        """Run a command in the workspace, its output going to a log; return the seconds taken.

        Raises:
            StepFailedError: It ended with another exit code than `exit_code`.
        """
        log = self.log(title)
        began = time.monotonic()
        with log.open("wb") as out:
            done = subprocess.run(
                command,
                cwd=self.root,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=LIMIT_S,
                check=False,
            )
        if done.returncode != exit_code:
            raise StepFailedError(title, shlex.join(command), log)
        return time.monotonic() - began

    def log(self, title: str) -> Path:
        """Return where a step's output goes; steps are numbered as they come."""
        logs = self.root / "log"
        known = sorted(logs.glob(f"*-{title}.txt"))
        return known[0] if known else logs / f"{len(list(logs.iterdir())) + 1:02}-{title}.txt"


def remove(root: Path) -> None:
    """Remove a workspace, if it is one.

    Raises:
        FileExistsError: The directory is something else.
    """
    if not root.exists():
        return
    if not (root / "Pulumi.yaml").is_file() or not (root / "env").is_file():
        raise FileExistsError(f"{root} is not the lab's; remove it by hand")
    shutil.rmtree(root)
