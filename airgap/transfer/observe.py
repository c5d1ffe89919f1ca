"""What a mirror holds now, for a refresh and for `verify`: every file hashed, or trusted quickly.

Quick trusts a file whose size, times and inode are as they were when it was last hashed whole;
those are kept beside the ledger. A file never hashed before is hashed in either case.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from airgap.digest import Digest
from airgap.errors import IntegrityError, TransferError
from airgap.net import Traffic
from airgap.store import CHECKSUMS, hash_file, split_key
from airgap.store.partial import refuse, replace_bytes
from airgap.transfer.checksums import parse_checksums
from airgap.transfer.destination import AssetItem, MirrorDestination
from airgap.transfer.ledger import Ledger
from airgap.transfer.pool import run_each
from airgap.transfer.readback import MirrorReader

__all__ = ["StatCache", "file_fault", "hash_of", "observe_assets"]

_WORKERS = 4
_Digest = Callable[[Path], str]


def observe_assets(
    destination: MirrorDestination,
    items: Sequence[AssetItem],
    ledger: Ledger,
    *,
    quick: bool = False,
    traffic: Traffic | None = None,
) -> dict[str, str]:
    """Return what is wrong with each asset, by `name`; "" when nothing is.

    A directory is read from disk: both paths, and the line in `checksums.txt`. An embedded mirror
    is read through its URL, within the run's `traffic`.

    Raises:
        TransferError: Some could not be looked at.
    """
    by_name = {item.name: item for item in items}
    if destination.kind == "embedded":
        with MirrorReader(destination, traffic=traffic) as reader:
            return _look(destination.url, by_name, lambda item: _served_fault(reader, item))
    cache = StatCache(ledger.path.with_suffix(".stat.json"), quick=quick)
    root = Path(destination.path)
    faults = _look(destination.path, by_name, lambda item: _fault(root, item, cache.digest))
    cache.save()
    return faults


def file_fault(path: Path, item: AssetItem, digest: _Digest) -> str:
    """Return what is wrong: `missing`, `truncated …`, or the digest that is there; else ""."""
    try:
        size = path.stat().st_size
        if size < item.size:
            return f"truncated to {size} bytes"
        found = digest(path)
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        raise refuse(path, error) from error
    return "" if found == str(item.sha256) else found


def hash_of(path: Path) -> str:
    """Return the sha256 of a file, hashed now."""
    return str(hash_file(path).sha256)


def _look(
    where: str, by_name: dict[str, AssetItem], fault: Callable[[AssetItem], str]
) -> dict[str, str]:
    faults, failures = run_each(list(by_name), lambda name: fault(by_name[name]), workers=_WORKERS)
    if failures:
        raise TransferError(f"reading {where}", failures)
    return faults


def _fault(root: Path, item: AssetItem, digest: _Digest) -> str:
    for path in item.paths:
        fault = file_fault(root / path, item, digest)
        if fault:
            return fault if path == item.name else f"{fault} at {path}"
    directory, file = split_key(item.name)
    listed = _listed(root / directory / CHECKSUMS, file)
    return "" if listed == item.sha512 else "not in checksums.txt"


def _listed(path: Path, file: str) -> Digest | None:
    try:
        return parse_checksums(path.read_text(errors="replace")).get(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refuse(path, error) from error


def _served_fault(reader: MirrorReader, item: AssetItem) -> str:
    for path in item.paths:
        try:
            found = reader.observe(item, path)
        except IntegrityError as error:
            return error.message
        if found != item.sha512:
            return str(found) if found else "missing"
    return ""


class StatCache:
    """sha256 by path, with the size, times and inode it was found at."""

    def __init__(self, path: Path, *, quick: bool) -> None:
        self._path = path
        self._quick = quick
        self._seen: dict[str, list[object]] = _load(path)

    def digest(self, path: Path) -> str:
        """Return a file's sha256: hashed now, or trusted where that was asked for."""
        stat = path.stat()
        mark: list[object] = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        known = self._seen.get(str(path))
        if self._quick and known is not None and known[:4] == mark:
            return str(known[4])
        found = str(hash_file(path).sha256)
        self._seen[str(path)] = [*mark, found]
        return found

    def save(self) -> None:
        """Keep what was hashed for the next time."""
        text = json.dumps(self._seen, indent=0, sort_keys=True)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refuse(self._path, error) from error
        replace_bytes(self._path, text.encode(), mode=0o644)


def _load(path: Path) -> dict[str, list[object]]:
    """Read the cache; a damaged one is as good as none."""
    try:
        document: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    entries = document if isinstance(document, dict) else {}
    return {
        str(key): value
        for key, value in entries.items()
        if isinstance(value, list) and len(value) == 5
    }
