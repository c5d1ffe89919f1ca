"""Bringing content and collecting it at the same time: what nothing names yet is not garbage."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from airgap.digest import Digest
from airgap.errors import PublishError
from airgap.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store", create=True)


@pytest.mark.parametrize("how", ["collect", "retain"])
def test_store_that_is_being_filled_is_not_collected(store: Store, how: str) -> None:

    def collect() -> tuple[Digest, ...]:
        collected = store.collect() if how == "collect" else store.retain(())
        return collected.removed

    with store.filling():
        blob = store.put(b"of an image under way")
        with pytest.raises(PublishError, match="being brought into it") as caught:
            collect()
        assert "wait until" in caught.value.diagnostics()
        assert store.has(blob)
    assert collect() == (blob,)


@pytest.mark.parametrize("how", ["collect", "retain"])
def test_dry_run_tells_while_the_store_is_being_filled(store: Store, how: str) -> None:
    blob = store.put(b"no name")
    with store.filling():
        told = store.collect(dry_run=True) if how == "collect" else store.retain((), dry_run=True)
    assert told.removed == (blob,)
    assert store.has(blob)


def test_several_fill_a_store_side_by_side(store: Store) -> None:
    both = threading.Barrier(2)

    def fill() -> None:
        with Store(store.root).filling():
            both.wait(30)

    threads = [threading.Thread(target=fill, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    store.collect()


def test_store_with_its_locks_is_still_opened_and_made(store: Store) -> None:
    """A process that is killed leaves the files of its locks, and no lock."""
    with store.filling():
        pass
    (store.root / "oci-layout").unlink()
    assert Store.open(store.root, create=True).names() == {}
