"""The JSON form: described by the committed schema, versioned, read back as it was."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from airgap.report import Report, write_json
from airgap.report.document import report_schema, schema_text
from tests.engine.workspace import CHECKOUT
from tests.report.recorded import RECORDED, Recorded, report_of

SCHEMA = Path(CHECKOUT) / "docs" / "report.schema.json"


def test_the_committed_schema_is_that_of_the_model() -> None:
    if os.environ.get("AIRGAP_WRITE_REPORTS") == "1":
        SCHEMA.write_text(schema_text(), encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == schema_text()


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(report_schema())


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
def test_a_report_is_as_the_committed_schema_says(recorded: Recorded) -> None:
    document = json.loads(write_json(report_of(recorded)))
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert document["reportVersion"] == 1


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
def test_a_report_is_read_back_as_it_was(recorded: Recorded) -> None:
    report = report_of(recorded)
    assert Report.model_validate_json(write_json(report)) == report


def test_a_report_of_another_version_is_refused() -> None:
    document = json.loads(write_json(report_of(RECORDED[0])))
    with pytest.raises(ValueError, match="reportVersion"):
        Report.model_validate({**document, "reportVersion": 2})
