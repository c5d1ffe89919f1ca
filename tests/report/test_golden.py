"""Each recorded change has a report that a reviewer can judge without other files.

The goldens are read by a person when they change. To write them anew:
`AIRGAP_WRITE_REPORTS=1 python -m pytest tests/report/test_golden.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airgap.report import write_markdown
from tests.report.recorded import RECORDED, Recorded, report_of

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
def test_a_recorded_change_reads_as_it_did(recorded: Recorded) -> None:
    path = GOLDEN / f"{recorded.name}.md"
    text = write_markdown(report_of(recorded))
    if os.environ.get("AIRGAP_WRITE_REPORTS") == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
def test_a_recorded_change_tells_what_matters(recorded: Recorded) -> None:
    text = write_markdown(report_of(recorded))
    assert [words for words in recorded.told if words not in text] == []
