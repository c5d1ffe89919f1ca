"""Every cell of docs/fault-matrix.md is a test here; the last one compares the page with them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import downloads, uploads
from tests.faults.foot import FOOT
from tests.faults.rows import CELLS, COLUMNS, DOCUMENT, NOT_APPLICABLE, ROWS, render
from tests.faults.scene import Column
from tests.faults.stage import Stage
from tests.faults.victim import Nursery

assert downloads.__name__
assert uploads.__name__

FOUND: dict[tuple[str, Column], str] = {}


@pytest.fixture
def stage(
    request: pytest.FixtureRequest,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    victims: Nursery,
) -> Iterator[Stage]:
    found = Stage(request.param, folder, monkeypatch, victims)
    yield found
    found.close()
    assert found.crashes() == []


@pytest.mark.parametrize(
    ("row", "stage"),
    [pytest.param(row, column, id=f"{column}-{row}") for row, column in CELLS],
    indirect=["stage"],
)
def test_cell(row: str, stage: Stage) -> None:
    FOUND[row, stage.column] = CELLS[row, stage.column](stage)


def test_every_cell_is_a_test_or_says_why_it_does_not_apply() -> None:
    cells = {(row, column) for rows in ROWS.values() for row in rows for column in COLUMNS}
    assert set(CELLS) | set(NOT_APPLICABLE) == cells
    assert not set(CELLS) & set(NOT_APPLICABLE)


def test_the_published_page_says_what_was_found() -> None:
    """Runs last, in the same process: pytest keeps the order, xdist's loadfile the file."""
    if len(FOUND) < len(CELLS):
        lost = [f"{column}-{row}" for row, column in CELLS if (row, column) not in FOUND]
        pytest.fail(f"the page is compared when all cells ran and held; these did not: {lost}")
    page = render(FOUND, FOOT)
    if os.environ.get("AIRGAP_WRITE_FAULT_MATRIX") == "1":
        DOCUMENT.write_text(page)
    assert DOCUMENT.read_text() == page
