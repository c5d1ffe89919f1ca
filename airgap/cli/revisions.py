"""Documents of a project as they were: out of git's own objects, or out of another directory.

git is asked for what it has and for nothing else: no transport is allowed, so that a partial clone
does not quietly fetch what it lacks.
"""

from __future__ import annotations

import os
import posixpath
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from airgap.cli.named import is_named, named_paths
from airgap.cli.project import Project
from airgap.errors import AirgapError, LockError
from airgap.lock import Lock, parse_lock, read_lock
from airgap.site.load import load_site, parse_site
from airgap.site.model import Site
from airgap.site.path import STACKS
from airgap.site.stackfile import read_site_value

__all__ = ["Revision", "find_base", "head_words", "read_directory"]

_MAIN = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
_MANIFESTS = frozenset({".yaml", ".yml", ".json"})
_LIMIT_S = 60
_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A commit of the project's repository; `words` say what it is to a reader."""

    project: Project
    commit: str
    words: str

    def read_site(self, name: str) -> Site | None:
        """Return the site as it was; None where it was not.

        Raises:
            SiteError: It was wrong, or needs a file that was not there.
        """
        document = f"{STACKS}/Pulumi.{name}.yaml"
        try:
            text = self._read(document).decode("utf-8", errors="replace")
        except FileNotFoundError:
            return None
        value = read_site_value(text, document=f"{document} at {self.words}")
        return parse_site(value, name=name, read=self._beside, names=self._names)

    def read_lock(self, name: str) -> Lock | None:
        """Return the lock as it was; None where it was not.

        Raises:
            LockError: It is of another form, or damaged.
        """
        document = f"{STACKS}/{name}.lock.json"
        try:
            text = self._read(document).decode("utf-8", errors="replace")
        except FileNotFoundError:
            return None
        return _parsed(text, f"{document} at {self.words}")

    def _beside(self, path: str) -> bytes:
        """Read a file by its path relative to the stack files; one outside of git as it is now."""
        if posixpath.isabs(path):
            return Path(path).read_bytes()
        return self._read(posixpath.normpath(posixpath.join(STACKS, path)))

    def _names(self, path: str) -> Sequence[str]:
        """List the manifests in a directory and below it, as those of the working tree are."""
        folder = posixpath.normpath(posixpath.join(STACKS, path))
        listed = _git(self.project, "ls-tree", "-r", "-z", "--name-only", self.commit, f"{folder}/")
        names = (listed or b"").decode("utf-8", errors="replace").split("\0")
        return sorted(
            posixpath.relpath(name, STACKS)
            for name in names
            if posixpath.splitext(name)[1] in _MANIFESTS
            and not any(step.startswith(".") for step in posixpath.relpath(name, folder).split("/"))
        )

    def _read(self, path: str) -> bytes:
        """Return a file's bytes, through symbolic links.

        Raises:
            FileNotFoundError: The commit has no such file.
        """
        name = f"{self.commit}:{posixpath.normpath(_prefix(self.project) + path)}"
        answer = _git(
            self.project, "cat-file", "--batch", "--follow-symlinks", given=f"{name}\n".encode()
        )
        head, _, body = (answer or b"").partition(b"\n")
        words = head.split()
        if len(words) != 3 or words[1] != b"blob":
            raise FileNotFoundError(path)
        return body[: int(words[2])]


def head_words(project: Project, site: str) -> str:
    """Return what is judged, for people: branch and commit, and whether more than these is in it.

    Only what is below `stacks/`, or the site's stack file names, counts as more: of the rest the
    report says nothing.
    """
    head = _commit(project, "HEAD")
    if head is None:
        return "the working tree"
    branch = _git(project, "symbolic-ref", "--quiet", "--short", "HEAD")
    name = branch.decode("utf-8", errors="replace").strip() if branch else ""
    words = f"{name} at {head[:_SHOWN]}" if name else f"commit {head[:_SHOWN]}"
    stacks = frozenset((project.stacks,))
    named = stacks | named_paths(project.stacks / f"Pulumi.{site}.yaml")
    is_clean = not any(is_named(path, named) for path in _uncommitted(project))
    return words if is_clean else f"{words}, with changes that are not committed"


def _uncommitted(project: Project) -> list[Path]:
    """Return the files of the repository that differ from its HEAD; `stacks/` if git is mute."""
    top = _git(project, "rev-parse", "--show-toplevel")
    listed = _git(project, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all")
    if top is None or listed is None:
        return [project.stacks]
    place = Path(os.fsdecode(top.rstrip(b"\n")))
    return [place / os.fsdecode(entry[3:]) for entry in listed.split(b"\0") if entry]


def find_base(project: Project, reference: str | None, *, name: str = "") -> Revision:
    """Return the commit to compare with: of a reference, or where the branch left the main one.

    Args:
        project: Whose repository it is.
        reference: The commit.
        name: What to call it in place of the reference.

    Raises:
        AirgapError: There is no such commit here, or no repository.
    """
    if _git(project, "rev-parse", "--git-dir") is None:
        raise AirgapError(
            f"{project.root}: no git repository to find the base in",
            hint="name a directory with the base: --base-dir",
        )
    if reference is not None:
        commit = _commit(project, reference)
        if commit is None:
            raise AirgapError(
                f"{reference}: no such commit here",
                hint="fetch it first (CI often clones the last commit alone), or name another",
            )
        called = name or ("" if commit.startswith(reference.lower()) else reference)
        words = f"{called} at {commit[:_SHOWN]}" if called else f"commit {commit[:_SHOWN]}"
        return Revision(project=project, commit=commit, words=words)
    for main in _MAIN:
        if _commit(project, main) is None:
            continue
        fork = (_git(project, "merge-base", "HEAD", main) or b"").decode().strip()
        if fork:
            return Revision(
                project=project, commit=fork, words=f"{main} at {fork[:_SHOWN]} (the merge base)"
            )
    raise AirgapError(
        "there is no main branch here whose merge base could be the base",
        hint="name the base: --base REF, or --base-dir DIR",
    )


def read_directory(directory: Path, name: str) -> tuple[Site, Lock | None] | None:
    """Return a site and its lock from another checkout, or from a folder of stack files.

    Raises:
        SiteError: The site is wrong.
        LockError: The lock is.
    """
    folder = directory / STACKS if (directory / STACKS).is_dir() else directory
    stack_file, lock_file = folder / f"Pulumi.{name}.yaml", folder / f"{name}.lock.json"
    if not stack_file.is_file():
        return None
    return load_site(stack_file), read_lock(lock_file) if lock_file.exists() else None


def _parsed(text: str, source: str) -> Lock:
    try:
        return parse_lock(text, source=source)
    except LockError as error:
        error.hint = (
            "the base cannot be read by this release: name a later base (--base), or one whose "
            "lock was made anew"
        )
        raise


def _commit(project: Project, reference: str) -> str | None:
    """Return the commit of a reference; None where there is none, or it could be an option."""
    if reference.startswith("-"):
        return None
    found = _git(project, "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
    return found.decode().strip() if found else None


def _prefix(project: Project) -> str:
    """Return the project's own place in its repository: empty, or `folder/`."""
    return (_git(project, "rev-parse", "--show-prefix") or b"").decode().strip()


def _git(project: Project, *arguments: str, given: bytes = b"") -> bytes | None:
    """Return what git prints; None where it fails, or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(project.root), *arguments],
            input=given,
            capture_output=True,
            check=False,
            timeout=_LIMIT_S,
            env={
                **os.environ,
                "GIT_ALLOW_PROTOCOL": "none",
                "GIT_NO_LAZY_FETCH": "1",
                "GIT_OPTIONAL_LOCKS": "0",
                "GIT_TERMINAL_PROMPT": "0",
                "LC_ALL": "C",
            },
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
