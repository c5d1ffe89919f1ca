"""What a provider takes from its surroundings at call time, and never from its inputs.

The store (`AIRGAP_STORE`, else `store` in the project), the ledgers beside it, how thoroughly a
refresh looks (`AIRGAP_VERIFY`), and the engine's ear for progress. None of them causes a diff.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from airgap.errors import PublishError
from airgap.oci.credentials import Credential, MachineCredentials
from airgap.progress import Report, Standing, Summary, say_progress, say_summary, short_item
from airgap.site.transfer import Transfer

if TYPE_CHECKING:
    from airgap.net import Traffic
    from airgap.oci.client import RegistryClient
    from airgap.store import Store
    from airgap.transfer.destination import RegistryDestination
    from airgap.transfer.ledger import Ledger
    from airgap.transfer.prune import Removal

__all__ = [
    "EngineLog",
    "connect_registry",
    "engine_log",
    "open_ledger",
    "open_store",
    "project_root",
    "shared_traffic",
    "tell_refusals",
    "thoroughness",
]

_ADDRESS = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\]):\d+\Z")
_INTERVAL_S = 1.0
_STREAM = 7
_making = threading.Lock()


def project_root() -> Path:
    """Return the project's directory: the engine starts providers there."""
    return Path.cwd()


def _store_root() -> Path:
    return Path(os.environ.get("AIRGAP_STORE") or project_root() / "store").absolute()


def open_store() -> Store:
    """Open the content store.

    Raises:
        PublishError: It is absent; the hint names `fetch`.
    """
    from airgap.store import Store

    return Store.open(_store_root())


def open_ledger(destination: str) -> Ledger:
    """Return the publish ledger of a destination (by its identity)."""
    from airgap.transfer.ledger import Ledger, ledger_root

    return Ledger(ledger_root(_store_root()), destination)


def shared_traffic(limits: Transfer) -> Traffic:
    """Return the traffic that all sets of this process share: one limit holds for all of them.

    The engine asks for several at the same moment; a plain cache would then make several.
    """
    with _making:
        return _make_traffic(limits)


@cache
def _make_traffic(limits: Transfer) -> Traffic:
    from airgap.transfer.limits import site_traffic

    return site_traffic(limits)


def connect_registry(
    destination: RegistryDestination, credentials: Mapping[str, Credential], limits: Transfer
) -> RegistryClient:
    """Open a client of the site's registry, with the machine's credentials before the stack's."""
    from airgap.transfer.push import connect

    return connect(
        destination,
        credentials=MachineCredentials(credentials),
        traffic=shared_traffic(limits),
    )


def thoroughness() -> Literal["full", "quick"]:
    """Return how files are looked at by a refresh.

    Raises:
        PublishError: `AIRGAP_VERIFY` has another value.
    """
    value = os.environ.get("AIRGAP_VERIFY", "full")
    if value not in ("full", "quick"):
        raise PublishError(f"AIRGAP_VERIFY is {value!r}; it can be full or quick")
    return "quick" if value == "quick" else "full"


class EngineLog:
    """Tells the engine: progress is shown while it runs and then forgotten."""

    def __init__(self, stub: engine_pb2_grpc.EngineStub | None, subject: str) -> None:
        self._stub = stub
        self._subject = subject
        self._standing = Standing()
        self._next = time.monotonic() + _INTERVAL_S
        self._lock = threading.Lock()

    def progress(self, report: Report) -> None:
        """Show how far a transfer is, once a second: what is done sooner shows nothing.

        What it did, if it moved or mounted anything, stays.
        """
        self._standing.take(report)
        if isinstance(report, Summary):
            if report.moved_bytes or report.mounted or report.retried:
                self.note(say_summary(report))
            return
        with self._lock:
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + _INTERVAL_S
        self._send(engine_pb2.INFO, self._said(), ephemeral=True)

    def note(self, message: str) -> None:
        """Say something that stays in the engine's diagnostics."""
        self._send(engine_pb2.INFO, message, ephemeral=False)

    def warn(self, message: str) -> None:
        """Say something that a person has to see to."""
        self._send(engine_pb2.WARNING, message, ephemeral=False)

    def _said(self) -> str:
        standing = self._standing
        items = [item.item for item in standing.under_way()]
        items = items or ([standing.last.item] if standing.last else [])
        return " ".join([say_progress(standing), *(short_item(item) for item in items[:1])])

    def _send(
        self, severity: engine_pb2.LogSeverity.ValueType, message: str, *, ephemeral: bool
    ) -> None:
        if self._stub is None:
            return
        request = engine_pb2.LogRequest(
            severity=severity,
            message=f"{self._subject}: {message}",
            urn="",
            streamId=_STREAM,
            ephemeral=ephemeral,
        )
        with suppress(grpc.RpcError):  # a transfer does not fail because nobody listens
            self._stub.Log(request, timeout=2.0)


def tell_refusals(log: EngineLog, removals: Iterable[Removal]) -> None:
    """Warn of each item that `onDelete: delete` asked to remove, and that stays."""
    for removal in removals:
        if removal.outcome == "refused":
            log.warn(f"{removal.item} stays: {removal.detail}")
        elif removal.outcome == "changed":
            log.warn(f"{removal.item} stays: somebody changed it since")


@contextmanager
def engine_log(subject: str) -> Iterator[EngineLog]:
    """Open the way to the engine whose address is this process' first argument, if there is one."""
    address = sys.argv[1] if len(sys.argv) > 1 else ""
    if not _ADDRESS.match(address):
        yield EngineLog(None, subject)
        return
    with grpc.insecure_channel(address) as channel:
        yield EngineLog(engine_pb2_grpc.EngineStub(channel), subject)
