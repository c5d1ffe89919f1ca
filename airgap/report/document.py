"""The report as JSON, and the schema that programs can hold it against."""

from __future__ import annotations

import json

from airgap.report.model import Report

__all__ = ["report_schema", "schema_text", "write_json"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def write_json(report: Report) -> str:
    """Return the report as JSON: keys in the model's order, one final newline."""
    tree = report.model_dump(mode="json", by_alias=True)
    return json.dumps(tree, ensure_ascii=False, indent=2) + "\n"


def report_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a report, version 1."""
    schema = Report.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": _DIALECT, **schema, "title": "Report of sidero-airgap"}


def schema_text() -> str:
    """Return the text of `docs/report.schema.json`."""
    return json.dumps(report_schema(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
