"""The peers that are Go programs, built from the modules that a go.mod names.

Each `Build` has a folder with go.mod and go.sum, which pin every module by version and hash;
``-mod=readonly`` lets a build use nothing else. cosign has a folder of its own: it needs 300
modules at versions the others do not share, and neither's pins make the other be built again.
"""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.peers.folder import make_once, recipe_folder

__all__ = ["BUILDS", "Build", "Program"]

_HERE = Path(__file__).parent
_FLAGS = ("-trimpath", "-mod=readonly", "-buildvcs=false", "-ldflags=-s -w")
_COMPILED_BETWEEN_LINES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command of a Go module; `package` is relative to the module."""

    name: str
    module: str
    package: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Programs that are built together: the name of their recipe, and where their pins lie."""

    recipe: str
    pins: Path
    programs: Sequence[Program]
    duration: str

    def folder(self) -> Path:
        """Name the folder that the programs are, or will be, in."""
        pins = ((self.pins / name).read_bytes() for name in ("go.mod", "go.sum"))
        packages = " ".join(map(_package, self.programs))
        flags = " ".join(_FLAGS)
        return recipe_folder(self.recipe, flags.encode(), packages.encode(), *pins)

    def get(self, say: Callable[[str], None]) -> bool:
        """Build the programs unless they are there; say whether it did.

        Raises:
            OSError: There is no Go, or the disk refused.
            RuntimeError: The build failed; the text ends with the compiler's last words.
        """
        return make_once(self.folder(), lambda partial: self._fill(partial, say))

    def _fill(self, partial: Path, say: Callable[[str], None]) -> None:
        count = len(self.programs)
        noun = "program" if count == 1 else "programs"
        say(f"building {count} {noun} from Go modules ({self.duration} from nothing)")
        packages = map(_package, self.programs)
        command = ["go", "build", "-v", *_FLAGS, "-o", f"{partial / 'bin'}{os.sep}", *packages]
        _follow(command, self.pins, say)
        versions = {each.module: _version(each.module, self.pins) for each in self.programs}
        (partial / "versions.json").write_text(json.dumps(versions, indent=2))


BUILDS: Sequence[Build] = (
    Build(
        recipe="go",
        pins=_HERE,
        programs=(
            Program(
                name="crane", module="github.com/google/go-containerregistry", package="cmd/crane"
            ),
            Program(name="regctl", module="github.com/regclient/regclient", package="cmd/regctl"),
            Program(name="regsync", module="github.com/regclient/regclient", package="cmd/regsync"),
            Program(
                name="registry",
                module="github.com/distribution/distribution/v3",
                package="cmd/registry",
            ),
            Program(
                name="conformance",
                module="github.com/opencontainers/distribution-spec/conformance",
                package="",
            ),
        ),
        duration="4 minutes",
    ),
    Build(
        recipe="cosign",
        pins=_HERE / "cosign",
        programs=(
            Program(name="cosign", module="github.com/sigstore/cosign/v2", package="cmd/cosign"),
        ),
        duration="10 minutes",
    ),
)


def _package(program: Program) -> str:
    return f"{program.module}/{program.package}".rstrip("/")


def _follow(command: Sequence[str], pins: Path, say: Callable[[str], None]) -> None:
    """Run a build and tell now and then how many packages it has compiled."""
    last: list[str] = []
    with subprocess.Popen(
        command,
        cwd=pins,
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


def _version(module: str, pins: Path) -> str:
    command = ["go", "list", "-mod=readonly", "-m", "-f", "{{.Version}}", module]
    return subprocess.run(
        command, cwd=pins, env=_environment(), check=True, capture_output=True, text=True
    ).stdout.strip()


def _environment() -> dict[str, str]:
    # A workspace file around the checkout would change what is built.
    return {**os.environ, "GOWORK": "off"}
