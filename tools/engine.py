"""Obtains the Pulumi engine, and prints the directory that is to come first on PATH.

Three ways, in this order: a `pulumi` on PATH that is in the supported range and has its Python
language plugin; the installer in Pulumi's own SDK; a build from the engine's Go module, whose
sources `tools/pulumi-cli/go.sum` pins, with our language plugin (`tools/pulumi/`) beside it.
What the last two make is kept in the user's cache. Nothing else is written: Pulumi's own settings
(~/.pulumi, logins) belong to the user.

Stdout has the directory and nothing else; progress and errors are on stderr. Any Python from 3.11.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

VERSION = "3.250.0"  # what is installed or built: pulumi's in requirements.txt, pkg/v3's in go.mod
OLDEST = (3, 250, 0)  # what is taken from PATH: requiredPulumiVersion in Pulumi.yaml
TOO_NEW = (4,)

TOOLS = Path(__file__).resolve().parent
PLUGINS = TOOLS / "pulumi"
MODULE = TOOLS / "pulumi-cli"
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
BUILD_FLAGS = (
    "-mod=readonly",
    "-trimpath",
    f"-ldflags=-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}",
)
LANGUAGE_PLUGIN = "pulumi-language-python"
INSTALLER = "https://get.pulumi.com/install.sh"

ANSWER_LIMIT_S = 60
REACH_LIMIT_S = 15
INSTALL_LIMIT_S = 900
BUILD_LIMIT_S = 3600
REPORT_EVERY_S = 15


class UnavailableError(Exception):
    """One way to get the engine does not work here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """What this user's earlier runs have made. Paths are named by what is in them."""

    root: Path

    @property
    def installed(self) -> Path:
        return self.root / f"installed-{VERSION}"

    @property
    def binary(self) -> Path:
        """The built CLI; apart from the plugins, whose change must not cost a build."""
        recipe = _digest(MODULE, *(flag.encode() for flag in (PACKAGE, *BUILD_FLAGS)))
        return self.root / f"cli-{VERSION}-{recipe}" / "pulumi"

    @property
    def built(self) -> Path:
        return self.root / f"{VERSION}-{_digest(PLUGINS, self.binary.parent.name.encode())}"


def main() -> int:
    """Print the engine's directory; return the exit code."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = Cache(root=root / "sidero-airgap" / "engine")
    try:
        print(_obtain(cache))
    except UnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("engine: stopped; what was downloaded or compiled so far is kept", file=sys.stderr)
        return 130
    return 0


def _obtain(cache: Cache) -> Path:
    ways: tuple[tuple[str, Callable[[Cache], Path]], ...] = (
        ("Pulumi on PATH", find_on_path),
        ("Pulumi's own installer", install),
        ("a build from Pulumi's Go module", build),
    )
    reasons: list[str] = []
    for name, way in ways:
        try:
            return way(cache)
        except UnavailableError as reason:
            reasons.append(f"  {len(reasons) + 1}. {name}: {reason}")
    supported = f"{_join(OLDEST)} and newer, below {_join(TOO_NEW)}"
    remedy = (
        f"Any one will do: install Pulumi {VERSION} so that `pulumi` is on PATH; or let this "
        "machine reach https://get.pulumi.com; or install Go (https://go.dev/dl), with access to "
        "a Go module proxy."
    )
    raise UnavailableError(
        "\n".join((f"error: no Pulumi engine ({supported}). Tried:", *reasons, remedy))
    )


# --- the first way ------------------------------------------------------------------------------


def find_on_path(cache: Cache) -> Path:
    """Return the directory of the user's own Pulumi.

    Raises:
        UnavailableError: there is none, or it is out of range, or it lacks its language plugin.
    """
    found = next(_own_pulumis(cache), None)
    if found is None:
        raise UnavailableError("there is no `pulumi` on PATH")
    version = _ask_version(found)
    if not OLDEST <= version < TOO_NEW:
        raise UnavailableError(f"{found} is version {_join(version)}, which is not supported")
    beside = (found.parent / LANGUAGE_PLUGIN, found.resolve().parent / LANGUAGE_PLUGIN)
    if not any(os.access(plugin, os.X_OK) for plugin in beside) and not shutil.which(
        LANGUAGE_PLUGIN
    ):
        raise UnavailableError(f"{found} has no {LANGUAGE_PLUGIN} beside it or on PATH")
    return found.parent


def _own_pulumis(cache: Cache) -> Iterator[Path]:
    """Yield each `pulumi` on PATH that this tool has not put there itself."""
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        candidate = shutil.which("pulumi", path=directory) if directory else None
        if candidate and not Path(candidate).resolve().is_relative_to(cache.root.resolve()):
            yield Path(candidate).absolute()


def _ask_version(pulumi: Path) -> tuple[int, ...]:
    with tempfile.TemporaryDirectory() as home:
        settings = {"PULUMI_HOME": home, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        try:
            answer = subprocess.run(
                [pulumi, "version"],
                env=os.environ | settings,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
                timeout=ANSWER_LIMIT_S,
            ).stdout.strip()
        except (OSError, subprocess.SubprocessError) as error:
            raise UnavailableError(f"{pulumi} does not tell its version: {error}") from error
    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+].*)?", answer)
    if match is None:
        raise UnavailableError(f"{pulumi} tells no version, but {answer[:80]!r}")
    return tuple(int(part) for part in match.groups())


# --- the second way -----------------------------------------------------------------------------


def install(cache: Cache) -> Path:
    """Have Pulumi's SDK install the CLI into the cache; return its directory.

    A build that an earlier run had to make is taken before the network is asked again.

    Raises:
        UnavailableError: there is no SDK, or the installer cannot be reached or fails.
    """
    with _locked(cache.root):
        if (cache.installed / "bin" / "pulumi").exists():
            return cache.installed / "bin"
        if cache.binary.exists():
            raise UnavailableError("not asked again: an earlier run has built the engine")
        python = _python_with_sdk()
        _check_reachable()
        with tempfile.TemporaryDirectory(dir=cache.root, prefix=".installing-") as scratch:
            _run_installer(python, Path(scratch))
            (Path(scratch) / "pulumi").rename(cache.installed)
    return cache.installed / "bin"


def _python_with_sdk() -> str:
    checkout = TOOLS.parent / ".venv" / "bin" / "python"
    # By its metadata: `tools/pulumi`, beside this file, would pass for a package of that name.
    if any(importlib.metadata.distributions(name="pulumi")):
        return sys.executable
    if checkout.exists():
        return str(checkout)
    raise UnavailableError("Pulumi's SDK is not installed (`make` installs it into .venv)")


def _check_reachable() -> None:
    """Ask for the installer first: the SDK would wait for ever behind a firewall."""
    try:
        with urllib.request.urlopen(INSTALLER, timeout=REACH_LIMIT_S):
            pass
    except OSError as error:
        raise UnavailableError(f"{INSTALLER} cannot be reached: {error}") from error


def _run_installer(python: str, scratch: Path) -> None:
    root = scratch / "pulumi"
    script = (
        "import subprocess, sys, pulumi.automation, semver\n"
        "try:\n"
        "    version = semver.VersionInfo.parse(sys.argv[2])\n"
        "    pulumi.automation.PulumiCommand.install(root=sys.argv[1], version=version)\n"
        "except subprocess.CalledProcessError as error:\n"
        "    sys.exit((error.output or b'').decode(errors='replace') or str(error))\n"
    )
    # The installer and the CLI it tries may write there: the user's own is not theirs.
    home = {"HOME": str(scratch), "PULUMI_HOME": str(scratch / "settings")}
    _tell(f"installing Pulumi {VERSION} with the SDK's installer")
    command = [python, "-c", script, str(root), VERSION]
    try:
        _run_with_progress(command, scratch, os.environ | home, INSTALL_LIMIT_S)
    except UnavailableError as error:
        raise UnavailableError(f"the installer {error}") from error
    for name in ("pulumi", LANGUAGE_PLUGIN):
        if not (root / "bin" / name).exists():
            raise UnavailableError(f"the installer ended well, but installed no {name}")


# --- the third way ------------------------------------------------------------------------------


def build(cache: Cache) -> Path:
    """Build the CLI, unless it is in the cache, and put our plugins beside it; return where.

    Raises:
        UnavailableError: there is no Go, or the build fails.
    """
    with _locked(cache.root):
        if not cache.binary.exists():
            _build_binary(cache)
        if not cache.built.exists():
            _assemble(cache)
    return cache.built


def _build_binary(cache: Cache) -> None:
    go = shutil.which("go")
    if go is None:
        raise UnavailableError("there is no `go` on PATH")
    _tell(f"building Pulumi {VERSION} from its Go module: about 6 minutes on 2 cores, once")
    with tempfile.TemporaryDirectory(dir=cache.root, prefix=".building-") as scratch:
        module = Path(scratch, "module")
        output = Path(scratch, "output")
        shutil.copytree(MODULE, module)
        command = [go, "build", "-v", *BUILD_FLAGS, "-o", str(output / "pulumi"), PACKAGE]
        environment = os.environ | {"GOWORK": "off", "GOFLAGS": ""}
        try:
            _run_with_progress(command, module, environment, BUILD_LIMIT_S)
        except UnavailableError as error:
            raise UnavailableError(f"`{go} build` {error}") from error
        output.rename(cache.binary.parent)


def _assemble(cache: Cache) -> None:
    """Lay the CLI and copies of the plugins side by side: where the CLI looks for them first."""
    with tempfile.TemporaryDirectory(dir=cache.root, prefix=".assembling-") as scratch:
        engine = Path(scratch, "engine")
        shutil.copytree(PLUGINS, engine, ignore=shutil.ignore_patterns("__pycache__"))
        try:
            os.link(cache.binary, engine / "pulumi")
        except OSError:  # not every file system has hard links
            shutil.copy2(cache.binary, engine / "pulumi")
        engine.rename(cache.built)


# --- what the ways share ------------------------------------------------------------------------


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the cache's lock: of two runs, one makes the engine, the other waits and finds it."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell("waiting for another run that is getting the engine")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest(directory: Path, *more: bytes) -> str:
    """Return a short digest of a tree's paths, modes and contents, and of `more`."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            executable = b"x" if os.access(path, os.X_OK) else b"-"
            for part in (str(path.relative_to(directory)).encode(), executable, path.read_bytes()):
                digest.update(hashlib.sha256(part).digest())
    for part in more:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:16]


def _run_with_progress(
    command: list[str], directory: Path, environment: dict[str, str], limit_s: float
) -> None:
    """Run a command that may take minutes, and say now and then how far it is.

    Raises:
        UnavailableError: it failed or took longer than `limit_s`; the text has its last words.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            while child.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(REPORT_EVERY_S)
                _tell_step(_lines(output.fileno()), time.monotonic() - started)
                if time.monotonic() - started > limit_s:
                    raise UnavailableError(f"took longer than {limit_s:.0f} s")
        finally:
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        if child.returncode != 0:
            last = " / ".join(_lines(output.fileno())[-5:]) or "it said nothing"
            raise UnavailableError(f"failed with exit code {child.returncode}: {last}")


def _lines(file: int) -> list[str]:
    # pread: the child writes at the offset that a seek would move.
    content = os.pread(file, os.fstat(file).st_size, 0)
    return content.decode(errors="replace").splitlines()


def _tell_step(lines: list[str], elapsed_s: float) -> None:
    if lines:
        _tell(f"{elapsed_s:4.0f} s, step {len(lines)}: {lines[-1][:80]}")


def _tell(text: str) -> None:
    print(f"engine: {text}", file=sys.stderr, flush=True)


def _join(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


if __name__ == "__main__":
    sys.exit(main())
