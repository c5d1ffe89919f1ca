"""apt with a state of its own: the machine's sources and keys, nothing else of the machine's.

Lists, cache and the record of what is installed (nothing) lie in one folder, so that no run needs
root or changes the machine, and what a package depends on is resolved down to libc.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

__all__ = ["Apt", "Deb", "unpack"]

_TIMEOUT_S = 1200

# `#clear` takes away what the machine's own configuration has put into a list.
_CONFIGURATION = """\
#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Architectures {{ "amd64"; "arm64"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Dir::State "{root}";
Dir::State::lists "{root}/lists";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{root}/sources";
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deb:
    """A package file that apt has verified."""

    path: Path
    package: str
    version: str

    @classmethod
    def from_path(cls, path: Path) -> "Deb":
        """Read name and version out of a file name as apt writes it."""
        package, version, _ = path.name.split("_")
        return cls(path=path, package=package, version=unquote(version))


class Apt:
    """One folder's apt. Methods raise RuntimeError with apt's last words."""

    def __init__(self, root: Path, codename: str) -> None:
        self._root = root
        for folder in ("lists/partial", "cache/archives/partial", "sources"):
            (root / folder).mkdir(parents=True)
        (root / "status").touch()
        for source in _sources(codename):
            shutil.copy(source, root / "sources")
        self._configuration = root / "apt.conf"
        self._configuration.write_text(_CONFIGURATION.format(root=root))

    def update(self) -> None:
        """Fetch the package lists."""
        _run(self._command("apt-get", "update"))

    def resolve(self, packages: Sequence[str]) -> list[Deb]:
        """Download packages and everything they depend on."""
        command = self._command("apt-get", "install", "--yes", "--download-only", *packages)
        _run(command)
        archives = self._root / "cache" / "archives"
        return [Deb.from_path(path) for path in sorted(archives.glob("*.deb"))]

    def download(self, packages: Sequence[str], folder: Path) -> list[Deb]:
        """Download packages, and nothing they depend on, in the given order."""
        folder.mkdir(parents=True, exist_ok=True)
        _run(self._command("apt-get", "download", *packages), folder)
        names = (name.split(":") for name in packages)
        return [Deb.from_path(_only(folder, *name)) for name in names]

    def dependency(self, package: str) -> str:
        """Name the one package that a meta-package stands for."""
        text = _run(self._command("apt-cache", "depends", package))
        found = re.search(r"Depends: (\S+)", text)
        if found is None:
            raise RuntimeError(f"{package} depends on nothing")
        return f"{found[1]}:amd64"

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self._root)

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [program, f"--config-file={self._configuration}", "--quiet=2", *arguments]


def unpack(deb: Deb, folder: Path) -> None:
    """Unpack a package's files without running anything of it."""
    folder.mkdir(exist_ok=True)
    _run(["dpkg-deb", "--extract", str(deb.path), str(folder)])


def _only(folder: Path, package: str, architecture: str) -> Path:
    (path,) = folder.glob(f"{package}_*_{architecture}.deb")
    return path


def _sources(codename: str) -> list[Path]:
    """Find the machine's source files for this release, and so none of other vendors'."""
    names_release = re.compile(rf"^(deb|Suites:)\s(.*\s)?{re.escape(codename)}(\s|$)", re.MULTILINE)
    etc = Path("/etc/apt")
    candidates = [etc / "sources.list", *sorted(etc.glob("sources.list.d/*"))]
    found = [c for c in candidates if c.is_file() and names_release.search(c.read_text())]
    if not (codename and found):
        raise RuntimeError(f"no apt sources for the release {codename!r} in {etc}")
    return found


def _run(command: Sequence[str], folder: Path | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    if done.returncode:
        last = (done.stdout + done.stderr).splitlines()[-10:]
        raise RuntimeError(f"{' '.join(command[:4])} failed:\n  " + "\n  ".join(last))
    return done.stdout
