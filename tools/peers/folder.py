"""The per-user folder that keeps what a recipe made.

A recipe's folder is named by the digest of everything that decides its content. It appears by one
rename when it is complete, so that a folder that exists is whole; a lock lets one process make it
while others wait.
"""

import fcntl
import hashlib
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["cache_folder", "make_once", "recipe_folder"]


def cache_folder() -> Path:
    """Name the user's folder for peers, after the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sidero-airgap" / "peers"


def recipe_folder(name: str, *parts: bytes) -> Path:
    """Name the folder of the recipe that `parts` describe on this kind of machine."""
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()}".encode())
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return cache_folder() / f"{name}-{digest.hexdigest()[:16]}"


def make_once(folder: Path, fill: Callable[[Path], None]) -> bool:
    """Have `fill` make the content of `folder`, unless it is there; say whether it was called.

    `fill` works in a folder beside it. Whatever a killed run left there is thrown away first: the
    lock is held, so it is nobody's work.
    """
    if folder.is_dir():
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(f".{folder.name}.lock")):
        if folder.is_dir():
            return False
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        fill(partial)
        partial.rename(folder)
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
