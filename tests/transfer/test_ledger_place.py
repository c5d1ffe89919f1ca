"""Where the publish ledgers are."""

from __future__ import annotations

from pathlib import Path

import pytest

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
