"""The peers that are Go programs, built from the modules that go.mod names.

go.mod and go.sum beside this file pin every module by version and hash; ``-mod=readonly`` lets a
build use nothing else.
"""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.peers.folder import make_once, recipe_folder

__all__ = ["PROGRAMS", "Program", "folder", "get"]

_HERE = Path(__file__).parent
_FLAGS = ("-trimpath", "-mod=readonly", "-buildvcs=false", "-ldflags=-s -w")
_COMPILED_BETWEEN_LINES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command of a Go module; `package` is relative to the module."""

    name: str
    module: str
    package: str


PROGRAMS: Sequence[Program] = (
    Program(name="crane", module="github.com/google/go-containerregistry", package="cmd/crane"),
    Program(name="regctl", module="github.com/regclient/regclient", package="cmd/regctl"),
    Program(
        name="registry", module="github.com/distribution/distribution/v3", package="cmd/registry"
    ),
    Program(
        name="conformance",
        module="github.com/opencontainers/distribution-spec/conformance",
        package="",
    ),
)


def folder() -> Path:
    """Name the folder that the Go peers are, or will be, in."""
    pins = ((_HERE / name).read_bytes() for name in ("go.mod", "go.sum"))
    return recipe_folder("go", " ".join(_FLAGS).encode(), *pins)


def get(say: Callable[[str], None]) -> bool:
    """Build the Go peers unless they are there; say whether it did.

    Raises:
        OSError: There is no Go, or the disk refused.
        RuntimeError: The build failed; the text ends with the compiler's last words.
    """
    return make_once(folder(), lambda partial: _build(partial, say))


def _build(partial: Path, say: Callable[[str], None]) -> None:
    packages = [f"{each.module}/{each.package}".rstrip("/") for each in PROGRAMS]
    say(f"building {len(packages)} programs from their Go modules (4 minutes from nothing)")
    command = ["go", "build", "-v", *_FLAGS, "-o", f"{partial / 'bin'}{os.sep}", *packages]
    _follow(command, say)
    versions = {each.module: _version(each.module) for each in PROGRAMS}
    (partial / "versions.json").write_text(json.dumps(versions, indent=2))


def _follow(command: Sequence[str], say: Callable[[str], None]) -> None:
    """Run a build and tell now and then how many packages it has compiled."""
    last: list[str] = []
    with subprocess.Popen(
        command,
        cwd=_HERE,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for count, line in enumerate(process.stdout or (), start=1):
            last = [*last[-20:], line.rstrip()]
            if count % _COMPILED_BETWEEN_LINES == 0:
                say(f"{count} packages, now {line.rstrip()}")
    if process.returncode:
        raise RuntimeError("go build failed:\n  " + "\n  ".join(last))


def _version(module: str) -> str:
    command = ["go", "list", "-mod=readonly", "-m", "-f", "{{.Version}}", module]
    return subprocess.run(
        command, cwd=_HERE, env=_environment(), check=True, capture_output=True, text=True
    ).stdout.strip()


def _environment() -> dict[str, str]:
    # A workspace file around the checkout would change what is built.
    return {**os.environ, "GOWORK": "off"}
