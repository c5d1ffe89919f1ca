"""Which sites a branch changes: by git, and by what stack files name.

A site's own are `stacks/Pulumi.<site>.yaml`, `<site>.lock.json` and `<site>.receipt.json`; any
other file of the repository belongs to the sites whose stack file names it, or a folder it is in.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from airgap.cli.named import is_named, named_paths

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
    """Return the commit that the branch began at.

    Raises:
        UsageError: git does not know the base, or not where the branch left it: compared with its
            tip, the branch would seem to take back what others merged since.
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
        message = f"--base: no common history of HEAD and {base} is here"
        shallow = run_git(root, "rev-parse", "--is-shallow-repository")
        if shallow and shallow.strip() == "true":
            raise UsageError(
                f"{message}, for this clone is shallow: run `git fetch --unshallow`, or check out "
                "the whole history (actions/checkout: `fetch-depth: 0`)"
            )
        raise UsageError(f"{message}: is it the branch that is merged into?")
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
    stacks = root / STACKS
    named = {
        file.name.removeprefix(_PREFIX).removesuffix(_SUFFIX): named_paths(file)
        for file in stacks.glob(f"{_PREFIX}*{_SUFFIX}")
    }
    sites: set[str] = set()
    for path in _changed_files(root, base):
        own = _site_of(path.name) if path.parent == stacks else ""
        sites |= {own} if own else {site for site in named if is_named(path, named[site])}
    if odd := [site for site in sites if not _SITE.match(site)]:
        raise UsageError(f"{STACKS}/: {odd[0]!r} is no site's name")
    return tuple(site for site in sorted(sites) if _is_site(root, base, site))


def _changed_files(root: Path, base: str) -> list[Path]:
    """Return every file of the repository that differs from the base, or that nobody added yet.

    Raises:
        UsageError: git cannot say it.
    """
    top = run_git(root, "rev-parse", "--show-toplevel")
    place = Path((top or "").rstrip("\n"))
    listed = run_git(place, "diff", "--name-only", "--no-renames", "--no-relative", "-z", base)
    untracked = run_git(place, "ls-files", "--others", "--exclude-standard", "-z")
    if top is None or listed is None or untracked is None:
        raise UsageError("git cannot say what is changed")
    return [place / name for name in filter(None, (listed + untracked).split("\0"))]


def _is_site(root: Path, base: str, site: str) -> bool:
    """Tell whether there is a stack file, here or in the base."""
    path = f"{base}:./{STACKS}/{_PREFIX}{site}{_SUFFIX}"
    return stack_file(root, site).is_file() or run_git(root, "cat-file", "-e", path) is not None


def _site_of(name: str) -> str:
    """Return whose file one of `stacks/` is by its name; empty where that says nothing."""
    if name.startswith(_PREFIX) and name.endswith(_SUFFIX):
        return name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
    return next((name.removesuffix(end) for end in _BESIDE if name.endswith(end)), "")


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
