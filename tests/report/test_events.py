"""What the engine says: read as two scenes, judged, and refused where it is something else.

The events are recordings of the real engine (tests/stacks/test_report.py), altered where a test
needs what they do not have.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airgap.errors import AirgapError
from airgap.report import compare, read_events, write_json, write_markdown, write_page
from airgap.report.model import Basis, Report
from tests.report.recorded import LINKS, TODAY
from tests.report.recording import EVENTS

SITE = "airgap-basic"
MARKED = "MARKED-do-not-show"
Event = dict[str, Any]


def _recorded(name: str) -> list[Event]:
    text = (EVENTS / f"{name}.ndjson").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def _text(events: list[Event]) -> str:
    return "\n".join(map(json.dumps, events))


def _report(events: list[Event]) -> Report:
    observed = read_events(_text(events), site=SITE)
    return compare(
        observed.base,
        observed.head,
        site=SITE,
        basis=Basis(
            kind=observed.kind,
            base="state",
            head="program",
            notes=observed.notes,
            unfinished=observed.unfinished,
        ),
        links=LINKS,
        today=TODAY,
        more_objects=observed.objects,
        more_findings=observed.findings,
    )


def _altered(name: str, kind: str, change: Callable[[Event], None]) -> list[Event]:
    """Return a recording whose resources of a kind are changed."""
    events = _recorded(name)
    for event in events:
        metadata = event.get("resourcePreEvent", {}).get("metadata", {})
        if metadata.get("type", "").endswith(f":{kind}"):
            change(metadata)
    return events


def test_a_preview_is_one_and_a_refresh_another() -> None:
    assert read_events(_text(_recorded("credential-rotation")), site=SITE).kind == "preview"
    assert read_events(_text(_recorded("drift")), site=SITE).kind == "refresh"


def test_a_changed_input_is_a_change() -> None:
    def upgrade(metadata: Event) -> None:
        metadata["new"]["inputs"]["talos"] = {"versions": ["v1.11.6"]}

    report = _report(_altered("credential-rotation", "Site", upgrade))
    assert [(each.what, each.old, each.new) for each in report.versions] == [
        ("Talos", ("v1.11.5",), ("v1.11.6",))
    ]


def test_a_deleted_resource_is_gone_and_a_replaced_one_is_not() -> None:
    def delete(metadata: Event) -> None:
        metadata["op"] = "delete"
        metadata["new"] = None

    def replaced(events: list[Event]) -> list[Event]:
        last = [
            {"resourcePreEvent": {"metadata": {**each, "op": "delete-replaced", "new": None}}}
            for event in events
            for each in (event.get("resourcePreEvent", {}).get("metadata", {}),)
            if each.get("type", "").endswith(":Secret")
        ]
        *steps, summary = events
        return [*steps, *last, summary]

    gone = _report(_altered("credential-rotation", "Secret", delete))
    assert [each.mark for each in gone.objects if "Secret" in each.names[0]] == ["removed"]
    kept = _report(replaced(_recorded("credential-rotation")))
    assert "removed" not in [each.mark for each in kept.objects]


def test_whole_numbers_that_came_as_floats_are_no_change() -> None:
    def to_floats(metadata: Event) -> None:
        for asset in metadata["new"]["inputs"]["assets"].values():
            asset["size"] = float(asset["size"])

    report = _report(_altered("credential-rotation", "AssetMirror", to_floats))
    assert report.assets == ()
    assert [each for each in report.objects if each.kind == "assetMirror"] == []


def test_a_violation_in_the_head_is_a_finding() -> None:
    def weaken(metadata: Event) -> None:
        metadata["new"]["inputs"]["mirrors"]["docker.io"]["skipVerify"] = True

    report = _report(_altered("credential-rotation", "Registry", weaken))
    assert ("new", "no-skip-verify") in {(each.standing, each.rule) for each in report.findings}
    assert report.violations > 0


def test_what_policies_of_others_say_is_told_once() -> None:
    event = {
        "policyEvent": {
            "resourceUrn": "urn:pulumi:a::b::airgap:index:Registry::registry",
            "message": "<{%reset%}>not on\n a Friday<{%reset%}>",
            "policyName": "no-fridays",
            "policyPackName": "the company's",
            "enforcementLevel": "mandatory",
        }
    }
    ours = {"policyEvent": {**event["policyEvent"], "policyName": "no-skip-verify"}}
    closing = {"diagnosticEvent": {"severity": "error", "message": "preview failed\n"}}
    report = _report([*_recorded("credential-rotation"), event, ours, closing])
    assert report.basis.unfinished == ""
    (found,) = (each for each in report.findings if each.level == "mandatory")
    assert (found.rule, found.message) == ("no-fridays", "not on a Friday")


def test_what_is_known_later_is_said_so() -> None:
    def unknown(metadata: Event) -> None:
        metadata["new"]["inputs"]["url"] = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

    report = _report(_altered("credential-rotation", "AssetMirror", unknown))
    (change,) = (each for each in report.objects if each.kind == "assetMirror")
    assert change.keys[0].new == "(known after up)"
    assert "Some values are known only after `up`." in report.basis.notes


def test_an_error_of_the_engine_is_said_masked() -> None:
    error = {"diagnosticEvent": {"severity": "error", "message": f"failed: password={MARKED}"}}
    report = _report([*_recorded("credential-rotation"), error])
    assert report.basis.unfinished.startswith("failed: password")
    assert MARKED not in write_json(report)


def test_secrets_in_plain_inputs_are_not_shown_either() -> None:
    """The engine should have masked these; if it has not, nobody reads them here."""

    def leak(metadata: Event) -> None:
        for side, suffix in (("old", "1"), ("new", "2")):
            metadata[side]["inputs"]["stringData"] = {".dockerconfigjson": MARKED + suffix}

    report = _report(_altered("credential-rotation", "Secret", leak))
    assert MARKED not in write_json(report)
    assert "(secret, changed)" in write_markdown(report)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there are none"),
        ("Previewing update (dev):", "no JSON"),
        ('{\n  "steps": []\n}', "one document"),
        ("[1]", "there are none"),
        ('{"sequence": 1, "cancelEvent": {}}', "end early, after 1 event: expected the engine's"),
        ('{"summaryEvent": {"isPreview": true, "result": "succeeded"}}', "of no site"),
    ],
)
def test_what_are_no_events_is_refused(text: str, words: str) -> None:
    with pytest.raises(AirgapError, match=words):
        read_events(text, site=SITE)


@pytest.mark.parametrize("name", ["credential-rotation", "drift"])
def test_no_beginning_of_a_stream_reads_as_the_whole(name: str) -> None:
    """An engine that is killed, or a log that is cut, ends anywhere: `head -n 5` of it."""
    events = _recorded(name)
    assert "summaryEvent" in events[-1]
    for count in range(1, len(events)):
        with pytest.raises(AirgapError, match=f"end early, after {count} event"):
            read_events(_text(events[:count]), site=SITE)
    assert read_events(_text(events), site=SITE).unfinished == ""


def test_a_preview_before_an_update_that_was_cut_is_not_its_end() -> None:
    events = _recorded("credential-rotation")
    with pytest.raises(AirgapError, match="end early"):
        read_events(_text([*events, *events[:3]]), site=SITE)


# What the engine (3.250) ends with: recorded of it, without what no report reads.
_FAILED = {"summaryEvent": {"isPreview": True, "resourceChanges": {"same": 2}, "result": "failed"}}
_ERROR = {"diagnosticEvent": {"severity": "error", "message": "The program failed:\nRuntimeError"}}
_CANCELLED = {"diagnosticEvent": {"severity": "error", "message": "preview canceled\n"}}
_POLICY = {"policyEvent": {"policyName": "x", "enforcementLevel": "mandatory", "message": "no"}}


@pytest.mark.parametrize(
    ("name", "end", "why"),
    [
        ("credential-rotation", [_ERROR, _FAILED], "The program failed: RuntimeError"),
        ("credential-rotation", [_CANCELLED, _FAILED], "preview canceled"),
        ("drift", [_ERROR, _FAILED], "The program failed: RuntimeError"),
        ("credential-rotation", [_FAILED], "it does not say why"),
        (
            "credential-rotation",
            [_POLICY, {"summaryEvent": {"isPreview": False, "result": "failed"}}],
            "a policy refused a resource",
        ),
    ],
)
def test_what_an_engine_that_failed_has_seen_is_not_told_as_the_whole(
    name: str, end: list[Event], why: str
) -> None:
    report = _report([*_recorded(name)[:5], *end])
    assert report.basis.unfinished == why
    assert report.headline.startswith("This is not whole, since the engine stopped early")
    text = write_markdown(report)
    assert f"⛔ **This is not whole:** the engine stopped early: {why}." in text
    for words in ("✅", "Nothing changes", "No drift"):
        assert words not in text
    page = write_page(report)
    assert "This is not whole" in page
    assert "verdict passed" not in page


def test_a_preview_that_policies_refuse_is_whole() -> None:
    """It runs to its end, and only then says that it failed."""
    closing = {"diagnosticEvent": {"severity": "error", "message": "preview failed\n"}}
    report = _report([*_recorded("credential-rotation")[:-1], _POLICY, closing, _FAILED])
    assert report.basis.unfinished == ""
    assert report.violations == 1


def test_an_engine_that_came_to_no_resource_says_why() -> None:
    with pytest.raises(AirgapError, match="before any resource: preview canceled"):
        read_events(_text([_CANCELLED, _FAILED]), site=SITE)


def test_events_of_another_site_are_refused() -> None:
    with pytest.raises(AirgapError, match="of airgap-basic, not of berlin"):
        read_events(_text(_recorded("drift")), site="berlin")
