"""Imports of the engine's provider process, each whole before the next begins.

The engine calls providers from several threads. Two that import the same package at the same time,
one by the package and one by a module in it, wait for each other, and Python ends one of them with
`_DeadlockError`. So nothing is imported while something else is: the resource types when the first
provider is configured (which the SDK does under a lock of its own), and what talks before the first
call that needs it.
"""

from __future__ import annotations

import threading
from importlib import import_module

__all__ = ["preload_talking", "preload_types"]

_TYPES = (
    "providers.asset_set",
    "providers.image_cache",
    "providers.image_set",
    "providers.manifest_files",
    "providers.schematic",
)
_TALKING = (
    "airgap.factory.seed",
    "airgap.imagecache.image",
    "airgap.imagecache.publish",
    "airgap.store",
    "airgap.transfer.files",
    "airgap.transfer.ledger",
    "airgap.transfer.limits",
    "airgap.transfer.observe",
    "airgap.transfer.prune",
    "airgap.transfer.publish",
    "airgap.transfer.push",
    "httpx",
    "tenacity",
)

_importing = threading.Lock()


def preload_types() -> None:
    """Import every resource type: a provider made later in this process imports nothing."""
    _import_all(_TYPES)


def preload_talking() -> None:
    """Import what the providers' own work needs, all that is imported where it is used."""
    _import_all(_TALKING)


def _import_all(names: tuple[str, ...]) -> None:
    with _importing:
        for name in names:
            import_module(name)
