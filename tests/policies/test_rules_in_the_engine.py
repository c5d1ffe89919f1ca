"""Every mandatory rule stops a real preview: by what breaks it, and by what it cannot know.

The engine makes a note of a policy that touches an unknown value, and exits 0: nothing of that may
reach a rule of ours. One program registers a component for each rule; a preview of all costs as
much as a preview of one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from airgap.rules import MANDATORY_RULES
from tests.engine.fixtures import MakeWorkspace, engine_directory, make_workspace
from tests.engine.result import Result
from tests.engine.workspace import CHECKOUT
from tests.rules.cases import CASES, MARKED, Case
from tests.rules.samples import component

__all__ = ["engine_directory", "make_workspace"]

pytestmark = pytest.mark.engine

# An unknown output is what the program of a site would pass on if it read one of a resource.
PROGRAM = """\
import asyncio
import json
from pathlib import Path

import pulumi
from pulumi_policy.proxy import UNKNOWN_BOOLEAN_VALUE, UNKNOWN_NUMBER_VALUE, UNKNOWN_STRING_VALUE

UNKNOWN = (UNKNOWN_BOOLEAN_VALUE, UNKNOWN_NUMBER_VALUE, UNKNOWN_STRING_VALUE)


def known(value):
    future = asyncio.Future()
    future.set_result(value)
    return future


def as_input(value):
    if isinstance(value, dict):
        return {key: as_input(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_input(item) for item in value]
    return pulumi.Output(set(), known(None), known(False)) if value in UNKNOWN else value


class Component(pulumi.ComponentResource):
    def __init__(self, kind, name, values):
        super().__init__(kind, name, as_input(values))
        self.register_outputs({})


for name, (kind, values) in json.loads(Path("components.json").read_text()).items():
    Component(kind, name, values)
"""

STOPPING = tuple(case for case in CASES if case.rule in {rule.name for rule in MANDATORY_RULES})
Values = Callable[[Case], dict[str, object]]


def preview(make_workspace: MakeWorkspace, values_of: Values) -> Result:
    """Preview a component for each mandatory rule, named as the rule, under the pack."""
    components = {case.rule: (f"airgap:index:{case.kind}", values_of(case)) for case in STOPPING}
    return run(make_workspace, components)


def run(
    make_workspace: MakeWorkspace,
    components: Mapping[str, tuple[str, Mapping[str, object]]],
    config: Mapping[str, object] | None = None,
) -> Result:
    """Preview components (name to type and values) under the pack."""
    files = {"__main__.py": PROGRAM, "components.json": json.dumps(components)}
    workspace = make_workspace(files=files, config=config)
    return workspace.preview("--policy-pack", str(CHECKOUT / "policies"), exit_code=None)


def stopped(result: Result) -> dict[tuple[str, str], str]:
    """Return the message of each mandatory violation by policy and resource."""
    found = (event["policyEvent"] for event in result.events if "policyEvent" in event)
    return {
        (item["policyName"], item["resourceUrn"].rpartition("::")[2]): item["message"]
        for item in found
        if item["enforcementLevel"] == "mandatory"
    }


def test_there_is_a_violating_component_for_each_mandatory_rule() -> None:
    assert {case.rule for case in STOPPING} == {rule.name for rule in MANDATORY_RULES}


def test_good_components_pass(make_workspace: MakeWorkspace) -> None:
    """The other two would mean nothing if any preview failed."""
    result = preview(make_workspace, lambda case: component(case.kind))
    assert result.exit_code == 0, result
    assert stopped(result) == {}


def test_each_mandatory_rule_stops_a_preview_and_shows_no_secret(
    make_workspace: MakeWorkspace,
) -> None:
    result = preview(make_workspace, Case.broken)
    assert result.exit_code == 1, result
    found = stopped(result)
    assert set(found) == {(case.rule, case.rule) for case in STOPPING}
    for case in STOPPING:
        assert case.subject in found[case.rule, case.rule]
        assert f"[mandatory]  {case.rule}" in result.output
    assert MARKED not in json.dumps(list(found.values()))
    assert MARKED not in result.output


def test_what_a_mandatory_rule_cannot_know_stops_a_preview_as_well(
    make_workspace: MakeWorkspace,
) -> None:
    result = preview(make_workspace, Case.unjudged)
    assert result.exit_code == 1, result
    found = stopped(result)
    for case in STOPPING:
        told = f"not known in preview: {case.rule} cannot be judged"
        assert told in found[case.rule, case.rule]
    assert "can't run policy" not in result.output, "the engine made a note of none"


@pytest.mark.parametrize(("level", "exit_code"), [("mandatory", 1), ("advisory", 0)])
def test_a_set_has_the_policy_of_its_stack(
    make_workspace: MakeWorkspace, level: str, exit_code: int
) -> None:
    """A set's inputs have none: the pack reads it where the engine tells it the configuration."""
    images = {"images": {"ghcr.io/a": "v1"}}
    result = run(
        make_workspace,
        {"images-talos": ("pulumi-python:dynamic/airgap:ImageSet", images)},
        config={"site": {"policy": {"levels": {"pinned": level}}}},
    )
    assert result.exit_code == exit_code, result
    assert "ghcr.io/a: image without a sha256 digest: v1" in result.output
    assert set(stopped(result)) == ({("pinned", "images-talos")} if exit_code else set())
