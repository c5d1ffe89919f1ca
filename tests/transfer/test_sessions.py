"""Uploads under way are remembered over processes, and by their owner alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.digest import sha256_of
from airgap.store.partial import sweep
from airgap.transfer.ledger import Ledger

DIGEST = sha256_of(b"a layer")
LOCATION = "https://registry.example/v2/a/blobs/uploads/1?_state=token"


def test_kept_upload_is_found_by_the_next_process(tmp_path: Path) -> None:
    Ledger(tmp_path, "existing https://registry.example").uploads().keep("a", DIGEST, LOCATION)
    again = Ledger(tmp_path, "existing https://registry.example").uploads()
    assert again.find("a", DIGEST) == LOCATION
    assert again.find("b", DIGEST) is None
    again.drop("a", DIGEST)
    assert Ledger(tmp_path, "existing https://registry.example").uploads().find("a", DIGEST) is None


def test_destinations_do_not_share_uploads(tmp_path: Path) -> None:
    Ledger(tmp_path, "existing https://one.example").uploads().keep("a", DIGEST, LOCATION)
    assert Ledger(tmp_path, "existing https://two.example").uploads().find("a", DIGEST) is None


def test_only_the_owner_reads_the_tokens_in_a_location(tmp_path: Path) -> None:
    Ledger(tmp_path, "existing https://registry.example").uploads().keep("a", DIGEST, LOCATION)
    (file,) = tmp_path.glob("*.uploads.json")
    assert file.stat().st_mode & 0o777 == 0o600


def test_damaged_record_is_as_good_as_none(tmp_path: Path) -> None:
    sessions = Ledger(tmp_path, "existing https://registry.example").uploads()
    sessions.keep("a", DIGEST, LOCATION)
    (file,) = tmp_path.glob("*.uploads.json")
    file.write_text("{half")
    assert sessions.find("a", DIGEST) is None
    sessions.keep("a", DIGEST, LOCATION)
    assert sessions.find("a", DIGEST) == LOCATION


def test_a_sweep_in_the_midst_of_a_record_takes_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledgers of other sets sweep the same directory at any moment."""
    rename = Path.rename
    swept: list[int] = []

    def sweep_before(path: Path, target: Path) -> Path:
        swept.append(sweep(path.parent))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", sweep_before)
    ledger = Ledger(tmp_path, "https://registry.example:5000")
    ledger.uploads().keep("a", DIGEST, LOCATION)
    assert swept == [0]
    assert ledger.uploads().find("a", DIGEST) == LOCATION
