"""Where the publish ledgers are."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from airgap.errors import PublishError
from airgap.transfer.ledger import Ledger, ledger_root


def test_ledgers_lie_beside_the_store_or_where_the_machine_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ledger_root(tmp_path / "store") == tmp_path / "store-ledger"
    monkeypatch.setenv("AIRGAP_LEDGER", str(tmp_path / "kept"))
    assert ledger_root(tmp_path / "store") == tmp_path / "kept"


def test_released_set_returns_what_it_held_and_what_it_was_going_to_hold(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "x")
    ledger.complete("set", ["a", "b"])
    ledger.intend("set", ["b", "c"])
    assert ledger.named() == {"a", "b"}, "an unfinished operation names nothing"
    assert ledger.release("set") == ("a", "b", "c")
    assert ledger.sets() == {}


def test_state_with_items_never_seen_changes_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "x")
    ledger.mark(making=["a"])
    ledger.complete("set", ["a"])
    ledger.reconcile("set", ["a", "drift"])
    assert ledger.named() == {"a"}


def test_ledger_is_written_only_when_it_changes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "x")
    ledger.complete("set", ["a"])
    before = ledger.path.stat().st_ino
    ledger.complete("set", ["a"])
    assert ledger.path.stat().st_ino == before


def test_ledger_that_cannot_be_written_names_the_variable_that_moves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path, "x")

    def refuse(path: Path, *_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    monkeypatch.setattr(os, "open", refuse)  # a medium mounted read-only
    with pytest.raises(PublishError, match="Read-only file system") as caught, ledger.pruning():
        pass
    assert "AIRGAP_LEDGER" in caught.value.hint


def test_busy_destination_is_called_by_its_url(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "existing https://registry.example:5000  prefix")
    busy = "^https://registry.example:5000: another process"
    with ledger.transferring(), pytest.raises(PublishError, match=busy), ledger.pruning():
        pass


def test_asking_whether_anything_is_recorded_makes_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger", "x")
    assert ledger.is_absent
    assert not (tmp_path / "ledger").exists()
    ledger.mark(making=["a"])
    ledger.drop(["a"])
    assert not ledger.is_absent, "it was here, and all of it is gone again"
