"""The virtual environment a program runs in.

Runtime option `virtualenv`, relative to Pulumi.yaml or PulumiPolicy.yaml.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .protocol import language_pb2

DEFAULT = ".venv"


class VenvError(Exception):
    """The virtual environment is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Venv:
    """A virtual environment that has a Python."""

    directory: Path

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    def activate(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return `environment` as the venv's own `activate` would leave it."""
        path = environment.get("PATH", os.defpath)
        return {name: value for name, value in environment.items() if name != "PYTHONHOME"} | {
            "VIRTUAL_ENV": str(self.directory),
            "PATH": os.pathsep.join((str(self.directory / "bin"), path)),
        }


def find_venv(info: language_pb2.ProgramInfo) -> Venv:
    """Return the program's virtual environment.

    Raises:
        VenvError: it has no Python; the text says what to do.
    """
    option = dict(info.options).get("virtualenv") or DEFAULT
    venv = Venv(directory=Path(info.root_directory, str(option)))
    if not venv.python.exists():
        raise VenvError(
            f"no virtual environment at {venv.directory} (runtime option virtualenv: {option}); "
            "`make` in the checkout makes it"
        )
    return venv
