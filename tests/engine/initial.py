"""What `pulumi stack init` leaves behind, done once for each stack's name and copied afterwards.

A second of the processor's time each, nearly all of it for the key that the passphrase gives.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import yaml

__all__ = ["Initial"]

_SALT = "encryptionsalt"
_SELECTIONS = Path("pulumi/workspaces")


@dataclass(frozen=True, slots=True, kw_only=True)
class Initial:
    """A stack without resources: its state, its salt, and that it is the one selected."""

    state: dict[str, bytes]
    salt: str
    selection: bytes

    @classmethod
    def read(cls, project: Path, home: Path, stack_file: Path) -> Initial:
        """Read what `pulumi stack init` has just made."""
        state = home / "state"
        files = (path for path in state.rglob("*") if path.is_file())
        return cls(
            state={path.relative_to(state).as_posix(): path.read_bytes() for path in files},
            salt=yaml.safe_load(stack_file.read_text(encoding="utf-8"))[_SALT],
            selection=(home / _selection(project)).read_bytes(),
        )

    def write(self, project: Path, home: Path, stack_file: Path) -> None:
        """Make the same for another project of that name."""
        for name, content in self.state.items():
            path = home / "state" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (home / _SELECTIONS).mkdir(parents=True, exist_ok=True)
        (home / _selection(project)).write_bytes(self.selection)
        text = stack_file.read_text(encoding="utf-8") if stack_file.exists() else ""
        salt = yaml.safe_dump({_SALT: self.salt})
        stack_file.write_text(f"{salt}{text}", encoding="utf-8")


def _selection(project: Path) -> Path:
    """Return where the engine notes a project's selected stack (pulumi/sdk: workspace.New)."""
    path = hashlib.sha1(str(project / "Pulumi.yaml").encode(), usedforsecurity=False).hexdigest()
    return _SELECTIONS / f"sidero-airgap-{path}-workspace.json"
