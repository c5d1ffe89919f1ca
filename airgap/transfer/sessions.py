"""Uploads under way, by repository and digest: what the next run goes on with after a kill.

One small file a destination, beside its ledger. It is replaced whole but not synced: after a power
cut an upload that it forgot is begun anew, which is no harm. A Location may hold a token, so the
file is the owner's alone.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airgap.digest import Digest
from airgap.store.partial import partial_file, refuse

__all__ = ["Sessions"]


class Sessions:
    """Implements `airgap.oci.sources.UploadSessions`. Safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, repository: str, digest: Digest) -> str | None:
        """Return the Location of a blob's upload under way."""
        return self._read().get(_key(repository, digest))

    def keep(self, repository: str, digest: Digest, location: str) -> None:
        """Record where a blob's upload goes on."""
        with self._change() as known:
            known[_key(repository, digest)] = location

    def drop(self, repository: str, digest: Digest) -> None:
        """Forget a blob's upload: it is finished, or cannot go on."""
        with self._change() as known:
            known.pop(_key(repository, digest), None)

    def _read(self) -> dict[str, str]:
        """Return what is known; a damaged file is as good as none."""
        try:
            document: object = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        entries = document if isinstance(document, dict) else {}
        return {key: value for key, value in entries.items() if isinstance(value, str)}

    @contextmanager
    def _change(self) -> Iterator[dict[str, str]]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                known = self._read()
                before = dict(known)
                yield known
                if known != before:
                    self._write(known)
        except OSError as error:
            raise refuse(self._path, error) from error

    def _write(self, known: dict[str, str]) -> None:
        """Replace the file; it is locked until then, for others sweep this directory."""
        data = json.dumps(known, indent=1, sort_keys=True).encode()
        with partial_file(self._path.parent) as partial:
            partial.write(data)
            partial.commit(self._path, mode=0o600, is_lasting=False)


def _key(repository: str, digest: Digest) -> str:
    return f"{repository}@{digest}"
