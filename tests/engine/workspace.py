"""A Pulumi project of its own for one test: program, settings, state and stack in one directory.

The real CLI works on it, with a file backend and nothing of the user's: neither settings nor
plugins nor home. Commands are non-interactive, bounded in time, and about 3.5 s each.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.engine.initial import Initial
from tests.engine.kubernetes_provider.cluster import Cluster
from tests.engine.result import Json, Result, State

__all__ = ["CHECKOUT", "LIMIT_S", "Running", "Workspace", "processes_with"]

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = ("airgap", "components", "policies", "providers", "__main__.py")
PASSED_ON = ("PATH", "LANG", "TMPDIR")
LIMIT_S = 600.0
KUBERNETES_VERSION = "4.34.2"  # of pulumi-kubernetes in requirements.txt: the engine asks for it
PASSPHRASE = "the passphrase of the tests"

_INITIAL: dict[tuple[Path, str], Initial] = {}


class Workspace:
    """One project with one stack at a time."""

    def __init__(self, directory: Path, engine: Path, *, stack: str = "dev") -> None:
        self.directory = directory
        self.engine = engine
        self.stack = stack
        self.environment: dict[str, str] = {}  # what a test adds to every command
        self.home = directory.with_name(f"{directory.name}.home")
        self._logs = 0

    @classmethod
    def create(
        cls,
        directory: Path,
        engine: Path,
        *,
        files: Mapping[str, str] | None = None,
        stack: str = "dev",
        config: Mapping[str, Json] | None = None,
    ) -> "Workspace":
        """Make a workspace and its stack.

        With `files` (relative path to text) these are the program; without, the checkout's own
        program is linked in. `config` is written as `set_config` does.
        """
        workspace = cls(directory, engine, stack=stack)
        for path in (directory / "stacks", workspace.home / "state"):
            path.mkdir(parents=True)
        (directory / ".venv").symlink_to(CHECKOUT / ".venv")
        (directory / "Pulumi.yaml").write_bytes((CHECKOUT / "Pulumi.yaml").read_bytes())
        for name in PROGRAM if files is None else ():
            (directory / name).symlink_to(CHECKOUT / name)
        workspace.write(files or {})
        if config is not None:
            workspace.set_config(config)
        workspace._init()
        return workspace

    def write(self, files: Mapping[str, str]) -> None:
        """Write files of the program, by relative path."""
        for name, text in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def connect_cluster(self) -> Cluster:
        """Install the stand-in kubernetes provider; return the empty cluster it works on.

        The program reaches it by the kubeconfig: `Cluster.kubeconfig`.
        """
        name = f"resource-kubernetes-v{KUBERNETES_VERSION}"
        plugin = self.home / "pulumi" / "plugins" / name / "pulumi-resource-kubernetes"
        plugin.parent.mkdir(parents=True)
        python = CHECKOUT / ".venv" / "bin" / "python"
        module = "tests.engine.kubernetes_provider"
        plugin.write_text(
            f'#!/bin/sh\nPYTHONPATH={CHECKOUT} exec {python} -u -m {module} "$@"\n',
            encoding="utf-8",
        )
        plugin.chmod(0o755)
        cluster = Cluster(self.home / "cluster")
        cluster.directory.mkdir()
        return cluster

    @property
    def stack_file(self) -> Path:
        return self.directory / "stacks" / f"Pulumi.{self.stack}.yaml"

    def set_config(self, values: Mapping[str, Json]) -> None:
        """Set configuration values, structured ones too; keys without a namespace are ours."""
        document: dict[str, Json] = {}
        if self.stack_file.exists():
            document = yaml.safe_load(self.stack_file.read_text(encoding="utf-8")) or {}
        config = document.setdefault("config", {})
        for key, value in values.items():
            config[key if ":" in key else f"sidero-airgap:{key}"] = value
        self.stack_file.write_text(yaml.safe_dump(document), encoding="utf-8")

    def set_secrets(self, **values: str) -> None:
        """Set configuration values that the stack file holds encrypted."""
        pairs = (word for key, text in values.items() for word in ("--secret", f"{key}={text}"))
        self.run("config", "set-all", "--stack", self.stack, *pairs)

    def run(self, *arguments: str, exit_code: int | None = 0, limit_s: float = LIMIT_S) -> Result:
        """Run `pulumi ARGUMENTS`. An exit code other than `exit_code` fails; None: any will do."""
        with self.start(*arguments) as running:
            result = running.wait(limit_s)
        assert exit_code in (None, result.exit_code), str(result)
        return result

    def preview(self, *arguments: str, exit_code: int | None = 0) -> Result:
        """Preview; add `--diff`, `--json`, `--policy-pack …` as needed."""
        return self.run("preview", "--stack", self.stack, *arguments, exit_code=exit_code)

    def up(self, *arguments: str, exit_code: int | None = 0) -> Result:
        """Update without a preview before."""
        return self._operate("up", *arguments, exit_code=exit_code)

    def refresh(self, *arguments: str, exit_code: int | None = 0) -> Result:
        """Refresh the state; with `--preview-only` just show the drift."""
        if "--preview-only" in arguments:
            return self.run("refresh", "--stack", self.stack, *arguments, exit_code=exit_code)
        return self._operate("refresh", *arguments, exit_code=exit_code)

    def destroy(self, *arguments: str, exit_code: int | None = 0) -> Result:
        """Destroy all resources of the stack."""
        return self._operate("destroy", *arguments, exit_code=exit_code)

    def export(self) -> State:
        """Return the stack's state, secrets encrypted."""
        return State(text=self.run("stack", "export", "--stack", self.stack).stdout)

    @contextmanager
    def start(self, *arguments: str) -> Iterator["Running"]:
        """Start `pulumi ARGUMENTS` for a test that interferes; on leaving, kill it if need be."""
        self._logs += 1
        log = self.home / f"{self._logs:02}-{arguments[0]}"
        command = (str(self.engine / "pulumi"), *arguments, "--non-interactive", "--color=never")
        if arguments[0] in ("preview", "up", "refresh", "destroy"):
            command = (*command, f"--event-log={log}.events")
        with (
            Path(f"{log}.stdout").open("wb") as stdout,
            Path(f"{log}.stderr").open("wb") as stderr,
            subprocess.Popen(
                command,
                cwd=self.directory,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,  # a process group of its own, as a shell would give it
            ) as process,
        ):
            try:
                yield Running(command=command, process=process, log=log, begun=time.monotonic())
            finally:
                process.kill()

    def processes(self) -> tuple[int, ...]:
        """Return what this workspace's commands have started and that still runs."""
        return processes_with("PULUMI_HOME", str(self.home / "pulumi"))

    def end_leftovers(self) -> None:
        """Kill the processes that a failed test has left behind."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def _init(self) -> None:
        """Make the stack."""
        places = (self.directory, self.home, self.stack_file)
        key = (self.engine, self.stack)
        if key in _INITIAL:
            _INITIAL[key].write(*places)
            return
        self.run("stack", "init", self.stack)
        _INITIAL[key] = Initial.read(*places)

    def _operate(self, *arguments: str, exit_code: int | None) -> Result:
        operation, *rest = arguments
        return self.run(
            operation, "--stack", self.stack, "--yes", "--skip-preview", *rest, exit_code=exit_code
        )

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return inherited | {
            "PATH": os.pathsep.join((str(self.engine), os.environ["PATH"])),
            "HOME": str(self.home),
            "PULUMI_HOME": str(self.home / "pulumi"),
            # Without a side file that the backend does not write atomically: a kill in that
            # moment leaves it empty, and the stack unreadable ("failed to load checkpoint: EOF").
            "PULUMI_BACKEND_URL": f"file://{self.home / 'state'}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            # What lies beside the CLI is still found.
            "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
            # The flag --event-log exists only with it.
            "PULUMI_DEBUG_COMMANDS": "true",
            **self.environment,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A command that may not have ended yet."""

    command: tuple[str, ...]
    process: subprocess.Popen[bytes]
    log: Path  # without its suffixes
    begun: float

    def interrupt(self) -> None:
        """Send SIGINT to the command's process group, as a terminal's Ctrl-C does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill the command itself, and nothing that it has started."""
        self.process.kill()

    def wait_for(self, path: Path, limit_s: float = 60.0) -> None:
        """Wait until `path` exists: the program or a provider makes it when it has come so far."""
        limit = time.monotonic() + limit_s
        while not path.exists():
            assert self.process.poll() is None, str(self.wait(0))
            assert time.monotonic() < limit, f"no {path.name} within {limit_s:.0f} s"
            time.sleep(0.05)

    def wait_for_words(self, words: str, limit_s: float = 60.0) -> None:
        """Wait until the command has said something."""
        limit = time.monotonic() + limit_s
        while words not in self._result(-1).output:
            assert self.process.poll() is None, str(self.wait(0))
            assert time.monotonic() < limit, f"not said within {limit_s:.0f} s: {words}"
            time.sleep(0.05)

    def wait(self, limit_s: float = LIMIT_S) -> Result:
        """Return the result, when the command has ended."""
        try:
            exit_code = self.process.wait(limit_s)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            self.process.wait()
            late = f"still running after {limit_s:.0f} s\n{self._result(-9)}"
            raise AssertionError(late) from error
        return self._result(exit_code)

    def _result(self, exit_code: int) -> Result:
        return Result(
            command=self.command,
            exit_code=exit_code,
            stdout=Path(f"{self.log}.stdout").read_text(encoding="utf-8"),
            stderr=Path(f"{self.log}.stderr").read_text(encoding="utf-8"),
            seconds=time.monotonic() - self.begun,
            event_log=Path(f"{self.log}.events"),
        )


def processes_with(name: str, value: str) -> tuple[int, ...]:
    """Return the ids of the processes that have `name=value` in their environment (Linux)."""
    wanted = f"{name}={value}".encode()
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                variables: Sequence[bytes] = (entry / "environ").read_bytes().split(b"\0")
            except OSError:  # it ended, or is not ours
                continue
            if wanted in variables:
                found.append(int(entry.name))
    return tuple(found)
