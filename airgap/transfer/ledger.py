"""The publish ledger: what this program brought to a destination, and which sets name it.

Pulumi's state cannot be that record: a dynamic provider cannot report partial success. One JSON
file a destination, in `<store>-ledger/`; each change is synced before anything depends on it.

For each item (`name@digest`) the ledger knows how it came to be there:
`making` (bytes may be on their way: written before the first one), `made` (we brought it, all of
it), `found` (it was there before us, and is never removed). For each set it knows `named` (what it
holds since its last completed operation) and `intent` (what an operation under way, or one that
failed, was going to hold). What is `made` or `making` and named by no set is `prune`'s to remove.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airgap.errors import PublishError
from airgap.store.partial import refuse, replace_bytes, sweep
from airgap.transfer.sessions import Sessions

__all__ = ["LEDGER_VERSION", "How", "Ledger", "SetRecord", "ledger_root"]

LEDGER_VERSION: Literal[1] = 1

How = Literal["making", "made", "found"]

_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class SetRecord(_Part):
    """One set: the items it holds, and those an unfinished operation was going to hold."""

    named: list[str] = Field(default_factory=list)
    intent: list[str] | None = None


class _Record(_Part):
    """The file, whole."""

    ledgerVersion: Literal[1] = LEDGER_VERSION  # noqa: N815 (the file's own key)
    destination: str
    items: dict[str, How] = Field(default_factory=dict)
    sets: dict[str, SetRecord] = Field(default_factory=dict)


def ledger_root(store_root: Path) -> Path:
    """Return the ledgers' directory: beside the store, so that it outlives a re-made store.

    `AIRGAP_LEDGER` names another one, for a store that comes on a medium and leaves with it.
    """
    named = os.environ.get("AIRGAP_LEDGER")
    return Path(named).absolute() if named else store_root.with_name(f"{store_root.name}-ledger")


class Ledger:
    """The record of one destination. Safe for several threads and processes.

    Args:
        root: The directory of all ledgers.
        destination: The destination's identity.
    """

    def __init__(self, root: Path, destination: str) -> None:
        self._root = root
        self._destination = destination
        # An identity has more parts than a person wants to read: kind, URL, prefix or path, layout.
        urls = (part for part in destination.split() if "://" in part)
        self._endpoint = next(urls, destination)
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", destination).strip("-")[:60]
        name = f"{slug}-{sha256(destination.encode()).hexdigest()[:12]}"
        self.path = root / f"{name}.json"
        self._lock_path = root / f"{name}.lock"
        self._busy_path = root / f"{name}.busy"

    # Reading

    @property
    def is_absent(self) -> bool:
        """Whether nothing was ever recorded here; telling so makes no file.

        Raises:
            PublishError: The disk does not say.
        """
        try:
            self.path.stat()
        except FileNotFoundError:
            return True
        except OSError as error:
            raise refuse(self.path, error) from error
        return False

    def how(self, key: str) -> How | None:
        """Return how an item came to be at the destination; None when it was never seen."""
        return self._read().items.get(key)

    def items(self) -> dict[str, How]:
        """Return all items, sorted."""
        return dict(sorted(self._read().items.items()))

    def named(self) -> set[str]:
        """Return the items that any set holds."""
        return {key for record in self._read().sets.values() for key in record.named}

    def sets(self) -> dict[str, SetRecord]:
        """Return all sets, sorted."""
        return dict(sorted(self._read().sets.items()))

    # A set's operations

    def intend(self, name: str, keys: Collection[str]) -> None:
        """Record what a set is going to hold, before anything is done for it."""
        with self._change() as record:
            record.sets.setdefault(name, SetRecord()).intent = sorted(keys)

    def complete(self, name: str, keys: Collection[str]) -> None:
        """Record what a set holds; what it no longer holds is only released."""
        with self._change() as record:
            record.sets[name] = SetRecord(named=sorted(keys))

    def reconcile(self, name: str, keys: Collection[str]) -> None:
        """Record what a set holds by Pulumi's state, as a refresh read it.

        It ends what a failed operation intended. A state that itself shows drift (items this
        ledger never saw) changes nothing.
        """
        with self._change() as record:
            if all(key in record.items for key in keys):
                record.sets[name] = SetRecord(named=sorted(keys))

    def release(self, name: str) -> tuple[str, ...]:
        """Record that a set is gone, and return what it held; it stays where it is."""
        with self._change() as record:
            gone = record.sets.pop(name, SetRecord())
        return tuple(sorted({*gone.named, *(gone.intent or ())}))

    def mark(self, found: Collection[str] = (), making: Collection[str] = ()) -> None:
        """Record which items are there already, and which are going to be brought now.

        An item that we once began to bring is ours, however often it is found afterwards.
        """
        with self._change() as record:
            for key in found:
                is_ours = record.items.get(key) in ("making", "made")
                record.items[key] = "made" if is_ours else "found"
            for key in making:
                record.items[key] = "making"

    def mark_made(self, *keys: str) -> None:
        """Record that items are there, whole, and ours."""
        with self._change() as record:
            record.items.update(dict.fromkeys(keys, "made"))

    def drop(self, keys: Collection[str]) -> None:
        """Forget items that are no longer at the destination."""
        with self._change() as record:
            for key in keys:
                record.items.pop(key, None)

    def uploads(self) -> Sessions:
        """Return the record of uploads under way there."""
        return Sessions(self.path.with_suffix(".uploads.json"))

    # Other processes

    @contextmanager
    def transferring(self) -> Iterator[None]:
        """Hold off `prune` while items are brought; any number may do so at a time."""
        with self._flock(self._busy_path, fcntl.LOCK_SH):
            yield

    @contextmanager
    def pruning(self, *, wait: bool = False) -> Iterator[None]:
        """Hold the destination alone.

        Args:
            wait: Until nobody else brings or removes anything there.

        Raises:
            PublishError: Without `wait`: something is being brought there at the moment.
        """
        try:
            with self._flock(self._busy_path, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)):
                yield
        except BlockingIOError:
            raise PublishError(
                f"{self._endpoint}: another process is transferring to it",
                hint="wait until it is done, then prune again",
            ) from None

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold a lock of the destination's by name (a file that several sets write to)."""
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", name)
        with self._flock(self._lock_path.with_suffix(f".{slug}.lock"), fcntl.LOCK_EX):
            yield

    @contextmanager
    def _change(self) -> Iterator[_Record]:
        with self._flock(self._lock_path, fcntl.LOCK_EX):
            record = self._read()
            before = record.model_dump_json()
            yield record
            if record.model_dump_json() != before or not self.path.exists():
                self._write(record)

    def _read(self) -> _Record:
        try:
            record = _Record.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return _Record(destination=self._destination)
        except OSError as error:
            raise refuse(self.path, error) from error
        except ValidationError as error:
            raise PublishError(
                f"{self.path} is no publish ledger of version {LEDGER_VERSION}: "
                f"{error.errors(include_url=False, include_input=False)[0]['msg']}",
                hint="it was written by another version, or damaged; restore it from a backup",
            ) from None
        if record.destination != self._destination:
            raise PublishError(f"{self.path} is the ledger of {record.destination}")
        return record

    def _write(self, record: _Record) -> None:
        record.items = dict(sorted(record.items.items()))
        record.sets = dict(sorted(record.sets.items()))
        text = json.dumps(record.model_dump(exclude_none=True), indent=1) + "\n"
        replace_bytes(self.path, text.encode(), mode=0o644)

    @contextmanager
    def _flock(self, path: Path, operation: int) -> Iterator[None]:
        try:
            self._root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            refusal = refuse(path, error)
            if error.errno in _NOT_WRITABLE:
                refusal.hint = (
                    "the publish ledger has to be written: make its directory writable, or set "
                    "AIRGAP_LEDGER to one on this machine that is, and keep it there"
                )
            raise refusal from error
        try:
            fcntl.flock(descriptor, operation)
            sweep(self._root)
            yield
        finally:
            os.close(descriptor)
