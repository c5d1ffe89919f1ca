"""Which sites a branch changes: by git, and by what stack files name.

A site's own are `stacks/Pulumi.<site>.yaml`, `<site>.lock.json` and `<site>.receipt.json`; any
other file below `stacks/` belongs to the sites whose stack file names it, or a folder it is in.
"""

from __future__ import annotations

import posixpath
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import yaml

__all__ = [
    "STACKS",
    "UsageError",
    "branching_point",
    "changed_sites",
    "find_root",
    "name_of",
    "named_sites",
    "run_git",
    "stack_file",
]

STACKS = "stacks"
_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")
_PREFIX, _SUFFIX = "Pulumi.", ".yaml"
_BESIDE = (".lock.json", ".receipt.json")


class UsageError(Exception):
    """Something was called wrongly."""


def stack_file(root: Path, site: str) -> Path:
    """Return a site's stack file."""
    return root / STACKS / f"{_PREFIX}{site}{_SUFFIX}"


def find_root() -> Path:
    """Return the project: the folder with `Pulumi.yaml`, here or above.

    Raises:
        UsageError: There is none, or no git.
    """
    top = run_git(Path.cwd(), "rev-parse", "--show-toplevel")
    if top is None:
        raise UsageError("this is no git repository, or there is no git")
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder
    raise UsageError("no Pulumi.yaml here or above: run this in the checkout")


def branching_point(root: Path, base: str) -> str:
    """Return the commit that the branch began at; the base itself in a shallow clone.

    Raises:
        UsageError: git does not know the base.
    """
    if base.startswith("-"):
        raise UsageError(f"--base: {base!r} is no commit")
    tip = run_git(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}"
    )
    if not tip or not tip.strip():
        raise UsageError(f"--base: git knows no {base!r}; is it fetched?")
    found = run_git(root, "merge-base", tip.strip(), "HEAD")
    if not found or not found.strip():
        print(f"note: no common history with {base}: compared with its tip", file=sys.stderr)
        return tip.strip()
    return found.strip()


def name_of(root: Path, commit: str, reference: str) -> str:
    """Return the name where it stands for this very commit, else the commit: for people."""
    tip = run_git(root, "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
    return reference if tip and tip.strip() == commit else commit


def named_sites(root: Path, base: str, sites: Sequence[str]) -> tuple[str, ...]:
    """Return the sites, each once.

    Raises:
        UsageError: One is neither here nor in the base.
    """
    for site in sites:
        if not _SITE.match(site) or not _is_site(root, base, site):
            raise UsageError(f"--site: there is no site {site!r}, neither here nor in the base")
    return tuple(dict.fromkeys(sites))


def changed_sites(root: Path, base: str) -> tuple[str, ...]:
    """Return the sites that a file of differs from the base, sorted; removed ones as well.

    Raises:
        UsageError: git cannot say it, or a file is named like a site's and no name of one.
    """
    command = ("diff", "--name-only", "--no-renames", "--relative", "-z", base, "--", STACKS)
    listed = run_git(root, *command)
    untracked = run_git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", STACKS)
    if listed is None or untracked is None:
        raise UsageError("git cannot say what is changed")
    sites: set[str] = set()
    for text in filter(None, (listed + untracked).split("\0")):
        path = PurePosixPath(text).relative_to(STACKS)
        own = _site_of(path)
        sites |= {own} if own else set(_naming(root, path))
    if odd := [site for site in sites if not _SITE.match(site)]:
        raise UsageError(f"{STACKS}/: {odd[0]!r} is no site's name")
    return tuple(site for site in sorted(sites) if _is_site(root, base, site))


def _is_site(root: Path, base: str, site: str) -> bool:
    """Tell whether there is a stack file, here or in the base."""
    path = f"{base}:./{STACKS}/{_PREFIX}{site}{_SUFFIX}"
    return stack_file(root, site).is_file() or run_git(root, "cat-file", "-e", path) is not None


def _site_of(path: PurePosixPath) -> str:
    """Return whose file it is by its name; empty where that says nothing."""
    if len(path.parts) > 1:
        return ""
    if path.name.startswith(_PREFIX) and path.name.endswith(_SUFFIX):
        return path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
    return next((path.name.removesuffix(end) for end in _BESIDE if path.name.endswith(end)), "")


def _naming(root: Path, path: PurePosixPath) -> Iterator[str]:
    """Yield the sites whose stack file names a file below `stacks/`, or a folder that it is in."""
    within = {str(step) for step in (path, *path.parents) if step.name}
    for file in sorted((root / STACKS).glob(f"{_PREFIX}*{_SUFFIX}")):
        if within & set(_paths_in(file)):
            yield file.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)


def _paths_in(file: Path) -> Iterator[str]:
    """Yield every text of a stack file as the path that it may be; none where it is no YAML."""
    try:
        waiting: list[object] = [yaml.safe_load(file.read_bytes())]
    except yaml.YAMLError:
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield posixpath.normpath(value)
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def run_git(root: Path, *arguments: str) -> str | None:
    """Return what git prints; None where it fails, or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, check=False, timeout=120,
            encoding="utf-8", errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
