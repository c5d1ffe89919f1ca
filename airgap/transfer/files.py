"""Generated files in a directory of the project: written whole, and owned by their set.

Unlike images and boot assets, a file that leaves its set is removed: what is applied from the
directory (GitOps, `kubectl apply -f`) would otherwise keep a stale object alive. Removed is only
what the ledger says this program wrote and nobody has changed since; a file that another set names
stays. The directory holds generated files only, so one that is there with other bytes is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from airgap.digest import sha256_of
from airgap.errors import PublishError
from airgap.store import hash_file
from airgap.store.partial import refuse, replace_bytes, sweep
from airgap.transfer.destination import is_inside
from airgap.transfer.ledger import Ledger
from airgap.transfer.prune import remove_file

__all__ = ["observe_files", "release_files", "resolve_directory", "write_files"]

_MODE = 0o644  # these are a person's to read, commit and edit


def resolve_directory(project: Path, directory: str) -> Path:
    """Return a directory of the project.

    Raises:
        PublishError: It leads out of the project.
    """
    return _inside(project, directory)


def write_files(root: Path, set_name: str, files: Mapping[str, bytes], ledger: Ledger) -> None:
    """Write a set's files, and remove those of its earlier ones that it no longer names.

    Args:
        root: The directory.
        set_name: The set they belong to.
        files: Bytes by path below the directory.
        ledger: The directory's record.

    Raises:
        PublishError: A path leads out of the directory, or the disk refuses.
    """
    places = {path: _inside(root, path) for path in files}
    keys = {path: _key(path, data) for path, data in files.items()}
    before = ledger.sets().get(set_name)
    earlier = {*before.named, *(before.intent or ())} if before else set[str]()
    with ledger.transferring():
        ledger.intend(set_name, {*keys.values(), *earlier})
        missing = [path for path, data in files.items() if _digest(places[path]) != _sha(data)]
        ledger.mark(
            found=[keys[path] for path in files if path not in missing],
            making=[keys[path] for path in missing],
        )
        for path in missing:
            _write(places[path], files[path])
            ledger.mark_made(keys[path])
        ledger.complete(set_name, list(keys.values()))
    _remove(root, earlier, ledger)


def observe_files(root: Path, files: Mapping[str, bytes]) -> dict[str, str]:
    """Return what is wrong with each file: `missing`, or the digest that is there; else "".

    Raises:
        PublishError: A file cannot be read, or a path leads out of the directory.
    """
    observed = {}
    for path, data in files.items():
        found = _digest(_inside(root, path))
        observed[path] = "" if found == _sha(data) else found or "missing"
    return observed


def release_files(root: Path, set_name: str, ledger: Ledger) -> None:
    """Release a set, and remove the files that only it named.

    Raises:
        PublishError: The disk refuses.
    """
    _remove(root, set(ledger.release(set_name)), ledger)


def _remove(root: Path, keys: set[str], ledger: Ledger) -> None:
    named, items = ledger.named(), ledger.items()
    kept = {key.rpartition("@")[0] for key in named}
    for key in sorted(keys - named):
        path, _, digest = key.rpartition("@")
        if path not in kept and items.get(key) in ("making", "made"):
            remove_file(root, path, digest)
        ledger.drop([key])


def _inside(root: Path, path: str) -> Path:
    """Return a path below a directory, followed through links.

    Raises:
        PublishError: It is absolute, or leads out.
    """
    place, base = (root / path).resolve(), root.resolve()
    if not is_inside(path) or place == base or not place.is_relative_to(base):
        raise PublishError(f"{path!r} leads out of {root}", hint="name a path inside the project")
    return place


def _write(place: Path, data: bytes) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        sweep(place.parent)
    except OSError as error:
        raise refuse(place, error) from error
    replace_bytes(place, data, mode=_MODE)


def _digest(place: Path) -> str:
    try:
        return str(hash_file(place).sha256)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise refuse(place, error) from error


def _key(path: str, data: bytes) -> str:
    return f"{path}@{_sha(data)}"


def _sha(data: bytes) -> str:
    return str(sha256_of(data))
