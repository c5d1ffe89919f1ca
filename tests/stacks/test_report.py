"""`report --events` on what the real engine says: rotated credentials, and drift.

The recordings of the golden reports are made here: `AIRGAP_WRITE_EVENTS=1 python -m pytest
tests/stacks/test_report.py`.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import pytest

from lab.auth import BasicAuth
from tests.report.recording import write_recording
from tests.stacks.conftest import MakeSite
from tests.stacks.delivery import (
    MARKS,
    NODE_PASSWORD,
    TRANSFER_PASSWORD,
    connect_with_secrets,
    log_in,
)
from tests.stacks.site import PracticeSite
from tests.stacks.test_drift import damage

pytestmark = pytest.mark.engine

NEW_PASSWORD = "MARKED-ROTATED-PASSWORD"
FORMS = ("markdown", "html", "json")


def _reports(site: PracticeSite, events: str) -> dict[str, str]:
    """Return the report of events in every form."""
    file = site.workspace.home / "events.ndjson"
    file.write_text(events, encoding="utf-8")
    return {
        form: site.airgap("report", site.name, "--events", str(file), "--format", form)
        for form in FORMS
    }


def _record(site: PracticeSite, events: str, name: str) -> None:
    if os.environ.get("AIRGAP_WRITE_EVENTS") == "1":
        write_recording(events, site.lock, site.places, name)


def test_rotated_credentials_are_told_and_not_shown(make_site: MakeSite) -> None:
    users = {"transfer": TRANSFER_PASSWORD, "node": NODE_PASSWORD}
    site = make_site("airgap-basic", auth=BasicAuth(users))
    connect_with_secrets(site)
    log_in(site, TRANSFER_PASSWORD)
    value = copy.deepcopy(site.value)
    value["registry"]["nodeAuth"] = "machineConfig"
    value["sidero"]["delivery"] = "cluster"
    site.change(value, relock=False)
    site.workspace.up()
    credentials = {site.registry.host: {"username": "node", "password": NEW_PASSWORD}}
    site.workspace.set_secrets(credentials=json.dumps(credentials))
    site.workspace.environment["PULUMI_ENABLE_STREAMING_JSON_PREVIEW"] = "true"
    events = site.workspace.preview("--json", "--policy-pack", "policies").stdout
    _record(site, events, "credential-rotation")
    reports = _reports(site, events)
    for text in reports.values():
        assert [mark for mark in (*MARKS, NEW_PASSWORD) if mark in text] == []
    told = reports["markdown"]
    assert told.splitlines()[0] == (
        "## airgap-basic: Secrets of server class `workers` and "
        "`Secret airgap-registry-credentials` are changed."
    )
    assert "(secret, changed)" in told


def test_drift_is_told_item_by_item(make_site: MakeSite) -> None:
    site = make_site("airgap-basic")
    site.workspace.up()
    damage(site)
    patch: Path = site.workspace.directory / "out/airgap-basic/machine-config/workers.patch.yaml"
    patch.write_bytes(patch.read_bytes() + b"# edited\n")
    log = site.workspace.refresh("--preview-only").event_log
    assert log is not None
    events = log.read_text(encoding="utf-8")
    _record(site, events, "drift")
    told = _reports(site, events)["markdown"]
    assert told.splitlines()[0] == (
        "## airgap-basic: Drift: 2 images, 2 boot assets and 1 file are not as the state has them."
    )
    for words in ("missing", "truncated to 1000 bytes", "workers.patch.yaml"):
        assert words in told
