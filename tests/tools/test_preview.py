"""A preview in a pull request: one run of the engine, its report, its words, and no secret."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.test_pull_request import Checkout, Plan, checkout, stand_in
from tools.comments import MAX_CHARACTERS
from tools.preview import read_said

__all__ = ["checkout", "stand_in"]

MARKED = "MARKED-do-not-show"
URN = "urn:pulumi:berlin::sidero-airgap::airgap:index:Site$airgap:index:Registry::registry"

ENGINE = """\
#!/bin/sh
echo "$PULUMI_ENABLE_STREAMING_JSON_PREVIEW|$GITHUB_TOKEN|$@" >> {log}
cat {stdout}
cat {stderr} >&2
exit {code}
"""
"""Plays `pulumi`: says what it was told to."""

Engine = Callable[..., None]


@pytest.fixture
def engine_log(tmp_path: Path) -> Path:
    """A line for each run of the engine."""
    return tmp_path / "runs"


@pytest.fixture
def engine(engine_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Says what the engine does: `engine(event(…), errors="…", code=1)`."""
    folder = tmp_path / "engine"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def play(*lines: str, errors: str = "", code: int = 0) -> None:
        files = {"stdout": "".join(f"{line}\n" for line in lines), "stderr": errors}
        for name, text in files.items():
            (folder / name).write_text(text)
        places = {name: folder / name for name in files}
        script = folder / "pulumi"
        script.write_text(ENGINE.format(log=engine_log, code=code, **places))
        script.chmod(0o755)

    return play


@pytest.fixture
def changed(checkout: Checkout) -> Checkout:
    """A branch that changes one site."""
    checkout.write("stacks/berlin.lock.json", "moved")
    checkout.commit()
    return checkout


def event(kind: str, **values: object) -> str:
    return json.dumps({"sequence": 1, "timestamp": 1, kind: values})


def violation(level: str = "mandatory", message: str = "it is open") -> str:
    return event(
        "policyEvent",
        resourceUrn=URN,
        message=message,
        policyName="closed",
        policyPackName="sidero-airgap",
        enforcementLevel=level,
    )


def diagnostic(severity: str, message: str) -> str:
    prefix = f"{severity}: "
    return event("diagnosticEvent", severity=severity, prefix=prefix, message=message)


STEP = event(
    "resourcePreEvent",
    metadata={
        "op": "update",
        "urn": URN,
        "type": "airgap:index:Registry",
        "detailedDiff": {'mirrors["ghcr.io"].skipVerify': {"diffKind": "update"}},
    },
)
SUMMARY = event("summaryEvent", resourceChanges={"same": 11, "update": 1}, isPreview=True)


def out(checkout: Checkout, file: str) -> str:
    return (checkout.root / "out/pull-request" / file).read_text()


def report(headline: str, basis: str, body: str = "✅ No policy is violated.") -> str:
    return f"## berlin: {headline}\n\n{basis}\n\n{body}\n"


# What is run.


def test_without_the_option_no_engine_is_run(
    changed: Checkout, engine: Engine, engine_log: Path
) -> None:
    engine()
    assert changed.run() == 0
    assert not engine_log.exists()
    assert "pulumi preview" not in out(changed, "berlin.comment.md")


def test_one_run_of_the_engine_feeds_the_report_and_the_page(
    changed: Checkout, engine: Engine, engine_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", MARKED)
    engine(STEP, SUMMARY, errors="warning: not an event")

    assert changed.run("--preview", "--page", "https://ci.example/{site}.html") == 0
    assert engine_log.read_text().splitlines() == [
        "true||preview --stack berlin --json --non-interactive --policy-pack policies"
    ]
    folder = changed.root / "out/pull-request"
    calls = [call for call in changed.calls() if "--events" in call]
    page = ["--page", "https://ci.example/berlin.preview.html"]
    events = calls[0][3]
    assert calls == [
        ["report", "berlin", "--events", events, "--format", form, *more, "--out", str(folder / f)]
        for form, more, f in (
            ("markdown", page, "berlin.preview.md"),
            ("html", [], "berlin.preview.html"),
        )
    ]
    assert out(changed, "berlin.preview.md") == f"{STEP}\n{SUMMARY}\n"
    assert not Path(events).exists()


def test_what_the_engine_would_do_is_told_in_words(changed: Checkout, engine: Engine) -> None:
    engine(STEP, SUMMARY, diagnostic("warning", "the certificate ends soon"))

    assert changed.run("--preview") == 0
    assert out(changed, "berlin.preview.txt") == (
        "warning: the certificate ends soon\n\n"
        'update airgap:index:Registry registry: mirrors["ghcr.io"].skipVerify\n\n'
        "resources: 11 same, 1 update\n"
    )


def test_a_former_previews_files_are_not_told_again(changed: Checkout, engine: Engine) -> None:
    engine(STEP)
    changed.run("--preview")

    assert changed.run() == 0
    written = {file.name for file in (changed.root / "out/pull-request").iterdir()}
    assert written == {"berlin.md", "berlin.html", "berlin.comment.md"}


# What is said of it.


def test_a_preview_that_says_the_same_is_a_row(
    changed: Checkout, engine: Engine, stand_in: Plan
) -> None:
    """The two differ in what they were told by, and in where their pages are."""
    page = "https://ci.example/{site}.html"
    link = "[`sha256:1234`](https://ci.example/%s.html#x)"
    engine(STEP)
    stand_in(
        report={"report": report("Talos v1 → v2.", "From main to HEAD.", link % "berlin")},
        report_events={"report": report("Talos v1 → v2.", "From state.", link % "berlin.preview")},
    )

    assert changed.run("--preview", "--page", page) == 0
    comment = out(changed, "berlin.comment.md")
    assert "| pulumi preview | fit (as reported above): Talos v1 → v2. |" in comment
    assert "From state." not in comment


def test_a_preview_that_says_something_else_is_folded_below(
    changed: Checkout, engine: Engine, stand_in: Plan
) -> None:
    engine(STEP)
    stand_in(
        report={"report": report("Talos v1 → v2.", "From main to HEAD.")},
        report_events={"report": report("A new site: Talos v2.", "From the stack's state.")},
    )

    assert changed.run("--preview") == 0
    comment = out(changed, "berlin.comment.md")
    assert comment.startswith("## berlin: Talos v1 → v2.")
    assert "| pulumi preview | fit: A new site: Talos v2. |" in comment
    _, fold, seen = comment.partition("<details><summary>What the engine says")
    assert fold
    assert "From the stack's state." in seen


def test_what_policies_refuse_in_the_engine_is_unfit_and_told(
    changed: Checkout, engine: Engine, stand_in: Plan
) -> None:
    """The report of the same events has it as well: it was made, and so is no row of its own."""
    refused = "⛔ **1 policy violation** (1 new)"
    engine(violation(), diagnostic("error", "preview failed"), code=1)
    stand_in(
        report_events={"report": report("x.", "From state.", refused), "code": 1},
        report_events_html={"code": 1},
    )

    assert changed.run("--preview") == 1
    comment = out(changed, "berlin.comment.md")
    assert "| pulumi preview | exit 1: x. |" in comment
    assert "error: preview failed\n[mandatory] closed (registry)\n  it is open" in comment
    assert refused in comment
    assert "preview's report" not in comment


def test_findings_of_the_events_are_unfit_though_the_engine_passes(
    changed: Checkout, engine: Engine, stand_in: Plan
) -> None:
    engine(violation())
    stand_in(report_events={"code": 1})

    assert changed.run("--preview") == 1
    assert "| preview's report | exit 1 |" in out(changed, "berlin.comment.md")


@pytest.mark.parametrize("step", ["report_events", "report_events_html"])
def test_events_that_no_report_can_be_made_of_are_unfit(
    changed: Checkout, engine: Engine, stand_in: Plan, step: str
) -> None:
    engine('{"one": "document"}')
    stand_in(**{step: {"code": 1, "silent": True, "say": "events: they are of no site"}})

    assert changed.run("--preview") == 1
    assert "events: they are of no site" in out(changed, "berlin.comment.md")


def test_an_engine_that_does_not_begin_says_why(
    changed: Checkout, engine: Engine, stand_in: Plan
) -> None:
    engine(errors="error: no stack named 'berlin' found\n```", code=6)
    failed = {"code": 1, "silent": True, "say": "events: there are none"}
    stand_in(report_events=failed, report_events_html=failed)

    assert changed.run("--preview") == 1
    comment = out(changed, "berlin.comment.md")
    assert "| pulumi preview | exit 6 |" in comment
    assert "````text\nerror: no stack named 'berlin' found\n```\n````" in comment
    assert "events: there are none" not in comment
    assert "no stack named" in out(changed, "berlin.preview.txt")


def test_an_error_in_one_long_line_is_cut_and_not_lost(
    changed: Checkout, engine: Engine, stand_in: Plan
) -> None:
    engine(diagnostic("error", "BEGIN " + "x" * 20_000), code=1)
    stand_in(report_events={"report": "A report."})

    assert changed.run("--preview") == 1
    comment = out(changed, "berlin.comment.md")
    assert "error: BEGIN xxx" in comment
    assert "more characters are in berlin.preview.txt" in comment
    assert len(comment) < 10_000


def test_reports_and_errors_of_any_length_fit_one_comment(
    changed: Checkout, engine: Engine, stand_in: Plan
) -> None:
    engine(diagnostic("error", "line\n" * 10_000), code=1)
    found = "### Policies\n\n- ⛔ `closed` %s\n"
    table = "<details><summary>Images</summary>\n\n" + "row\n" * 20_000 + "\n</details>\n\n"
    stand_in(
        report={"report": report("x.", "From main.", table + found % "of the lock")},
        report_events={"report": report("y.", "From state.", table + found % "of the engine")},
    )

    assert changed.run("--preview") == 1
    comment = out(changed, "berlin.comment.md")
    assert len(comment) <= MAX_CHARACTERS - 100  # its marker comes before it
    for words in (
        "of the lock",
        "of the engine",
        "more characters are in berlin.md",
        "more characters are in berlin.preview.md",
        "more characters are in berlin.preview.txt",
        "| pulumi preview | exit 1: y. |",
    ):
        assert words in comment
    assert comment.count("<details") == comment.count("</details>")


def test_a_short_report_leaves_its_room_to_the_preview(
    changed: Checkout, engine: Engine, stand_in: Plan
) -> None:
    engine(STEP)
    rows = "row\n" * 10_000
    stand_in(report_events={"report": report("y.", "From state.", rows)})

    assert changed.run("--preview") == 0
    assert rows in out(changed, "berlin.comment.md")


# Secrets.


def test_what_looks_like_a_secret_is_in_no_file(
    changed: Checkout, engine: Engine, stand_in: Plan
) -> None:
    """The engine masks what it knows for one; programs and plug-ins print what they like."""
    url = f"https://robot:{MARKED}@registry.example"
    given = {"op": "create", "urn": URN, "type": "a:b:C", "new": {"inputs": {"password": MARKED}}}
    engine(
        event("preludeEvent", config={"sidero-airgap:credentials": MARKED}),
        diagnostic("debug", f"registering resource: {MARKED}"),
        diagnostic("error", f"cannot reach {url}"),
        diagnostic("warning", f"join token={MARKED}"),
        event("resourcePreEvent", metadata=given),
        event("resOutputsEvent", metadata=given),
        violation(message=f"console.password={MARKED}"),
        violation("advisory", message=url),
        f"plug-in: password: {MARKED}",
        errors=f"warning: {url}",
        code=1,
    )
    stand_in(report_events={"report": "masked by `report` itself"})

    assert changed.run("--preview") == 1
    for file in (changed.root / "out/pull-request").iterdir():
        if file.name != "berlin.preview.html":  # the stand-in's own: it prints what it was given
            assert MARKED not in file.read_text(), file.name
    assert "cannot reach https://registry.example" in out(changed, "berlin.comment.md")


# The words alone.


def test_what_stops_comes_first_and_what_stays_is_left_out() -> None:
    same = event("resourcePreEvent", metadata={"op": "same", "urn": URN, "type": "a:b:C"})
    provider = {"op": "create", "urn": URN, "type": "pulumi:providers:pulumi-python"}
    said = read_said(
        [
            STEP,
            same,
            event("resourcePreEvent", metadata=provider),
            violation("advisory", "a note"),
            violation(),
            diagnostic("info", "hello"),
            diagnostic("error", "it stopped"),
            "",
            "[1, 2]",
            "no JSON",
        ],
        "and errors\n",
    )
    refused = "[mandatory] closed (registry)\n  it is open"
    assert said.trouble == f"error: it stopped\n[1, 2]\nno JSON\nand errors\n{refused}"
    assert said.text.startswith(said.errors[0])
    assert said.steps == ('update airgap:index:Registry registry: mirrors["ghcr.io"].skipVerify',)
    assert said.notes == ("[advisory] closed (registry)\n  a note", "info: hello")


def test_a_document_in_place_of_events_is_not_told_in_full() -> None:
    """That is what a Pulumi prints that does not know the variable."""
    lines = json.dumps({"steps": [{"urn": URN}] * 1_000}, indent=4).splitlines()
    assert len(read_said(lines).errors) <= 200


def test_said_without_a_word_is_an_empty_line() -> None:
    assert read_said([]).text == "\n"
